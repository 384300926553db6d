"""What a command begins with before it has read its policy: the hashes of the snapshot's files, and what the system
does to load NumPy and Arrow. It loads little."""

import os
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

from evaluator.hashes import Hash

TOML = "snapshot.toml"
FOLDER = ".softliq"  # where an index stands
BINARY_FILES = (".parquet", ".arrow", ".feather")
_MOST = 8  # files
_LIBRARIES = (("numpy", "_core/_multiarray_umath"), ("pyarrow", "lib"))

_begun: dict[Path, Hash] = {}


def begin(folder: Path) -> None:
    """Begins with the hashes of a snapshot's binary files, a few at most: which of them are needed is known when the
    policy has been read. Not where others stand in an index, or in a file that says which they are."""
    with suppress(OSError):  # told when the snapshot is read
        if not folder.is_dir() or (folder / FOLDER).exists() or (folder / TOML).exists():
            return
        found = [path for path in folder.iterdir() if path.name.endswith(BINARY_FILES) and path.is_file()]
        for path in found if len(found) <= _MOST else ():
            _begun[path] = Hash(path)


def hash_of(path: Path) -> Hash:
    """That of a file as it stands, begun before or here. Raises OSError where it can't be opened."""
    known = _begun.pop(path, None)
    if known is None:
        return Hash(path)
    if known.is_of(path):
        return known
    known.stop()
    return Hash(path)


def stop_others() -> None:
    """Leaves what was begun and nobody has asked for."""
    while _begun:
        _begun.popitem()[1].stop()


def link() -> None:
    """Has the system load the libraries of NumPy and Arrow, which is a fifth of what loading these modules takes: the
    interpreter can do something else meanwhile. It finds them there when it comes to the modules."""
    Thread(target=_link, daemon=True).start()


def _link() -> None:
    with suppress(Exception):  # then they are loaded with the modules, and what is wrong with them is told there
        from ctypes import CDLL

        load = CDLL(None).dlopen  # a function of a library is called without the interpreter, which CDLL itself holds
        for package, library in _LIBRARIES:
            found = find_spec(package)
            if found is not None and found.origin is not None:
                path = Path(found.origin).parent / (library + EXTENSION_SUFFIXES[0])
                load(os.fsencode(path), os.RTLD_NOW)
