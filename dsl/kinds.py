"""What stands at a path where a file should."""

import os
import stat
from pathlib import Path

PIPE = "a named pipe"
_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, PIPE), (stat.S_ISSOCK, "a socket"))


def no_file(path: Path) -> str | None:
    """What stands there instead of a file that can be read again and again, in words; "" for nothing, None for a file.

    Nothing is opened: a pipe would wait for somebody to write, a device may never end. Raises PermissionError where
    nobody may look.
    """
    try:
        mode = path.stat().st_mode
    except PermissionError:
        raise
    except (OSError, ValueError):  # the second of a name that no file can have
        if not os.path.islink(path):
            return ""
        return f"a link to `{os.readlink(path)}`, where there is no file"
    if stat.S_ISREG(mode):
        return None
    return next((words for is_one, words in _KINDS if is_one(mode)), "a device")
