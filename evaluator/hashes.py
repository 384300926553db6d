"""A file's SHA-256, worked out by a thread of its own while the file is read."""

import hashlib
from pathlib import Path
from threading import Thread

_BLOCK = 1 << 22  # bytes


def file_hash(path: Path) -> str:
    """SHA-256 of a file as it stands."""
    return Hash(path).result()


class Hash:
    """Begun when it is made; raises OSError where the file can't be opened."""

    __slots__ = ("_error", "_file", "_sha256", "_thread")

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._sha256, self._error = hashlib.sha256(), list[OSError]()
        self._thread = Thread(target=self._run, daemon=True)  # nobody waits for it where a fault ends the command
        self._thread.start()

    def _run(self) -> None:
        block = memoryview(bytearray(_BLOCK))
        with self._file as file:
            try:
                while count := file.readinto(block):
                    self._sha256.update(block[:count])
            except OSError as error:
                self._error.append(error)

    def result(self) -> str:
        """In hexadecimal digits; raises OSError where the file could not be read."""
        self._thread.join()
        if self._error:
            raise self._error[0]
        return self._sha256.hexdigest()
