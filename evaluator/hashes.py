"""A file's SHA-256, worked out by a thread of its own while the file is read, or what reads it is loaded."""

import hashlib
import mmap
import os
from contextlib import suppress
from pathlib import Path
from threading import Thread

_BLOCK = 1 << 22  # bytes; between two of them the thread waits for the interpreter


def file_hash(path: Path) -> str:
    """SHA-256 of a file as it stands."""
    return Hash(path).result()


class Hash:
    """Begun when it is made; raises OSError where the file can't be opened."""

    __slots__ = ("_error", "_file", "_sha256", "_stamp", "_stopped", "_thread")

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._stamp, self._stopped = _stamp(os.fstat(self._file.fileno())), False
        self._sha256, self._error = hashlib.sha256(), list[OSError]()
        self._thread = Thread(target=self._run, daemon=True)  # nobody waits for it where a fault ends the command
        self._thread.start()

    def _run(self) -> None:
        with _room(min(_BLOCK, self._stamp[0] + 1)) as room, memoryview(room) as block, self._file as file:
            try:
                while not self._stopped and (count := file.readinto(block)):
                    self._sha256.update(block[:count])
            except OSError as error:
                self._error.append(error)

    def is_of(self, path: Path) -> bool:
        """Whether this is what stands there now, as it was when this was begun."""
        with suppress(OSError):
            return _stamp(path.stat()) == self._stamp
        return False

    def stop(self) -> None:
        self._stopped = True

    def result(self) -> str:
        """In hexadecimal digits; raises OSError where the file could not be read."""
        self._thread.join()
        if self._error:
            raise self._error[0]
        return self._sha256.hexdigest()


def _room(size: int) -> mmap.mmap:
    """Memory in large pages where there are some: to get a small one from the system takes as long as to hash it."""
    room = mmap.mmap(-1, size, access=mmap.ACCESS_COPY)
    with suppress(AttributeError, OSError):  # no Linux
        room.madvise(mmap.MADV_HUGEPAGE)
    return room


def _stamp(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev
