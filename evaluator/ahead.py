"""What a command begins with before it has read its policy: the hashes of the snapshot's files. It loads little."""

from contextlib import suppress
from pathlib import Path

from evaluator.hashes import Hash

TOML = "snapshot.toml"
FOLDER = ".softliq"  # where an index stands
BINARY_FILES = (".parquet", ".arrow", ".feather")
_MOST = 8  # files

_begun: dict[Path, Hash] = {}


def begin(folder: Path) -> None:
    """Begins with the hashes of a snapshot's binary files, a few at most: which of them are needed is known when the
    policy has been read. Not where others stand in an index, or in a file that says which they are."""
    if not folder.is_dir() or (folder / FOLDER).exists() or (folder / TOML).exists():
        return
    with suppress(OSError):
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
