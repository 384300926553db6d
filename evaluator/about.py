"""Errors of the system, such as a full disk, named after what was asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def about(path: Path) -> Iterator[None]:
    """An error that names no file, or one that is made in this place or hidden beside it first, names the place, in
    the system's own words."""
    try:
        yield
    except OSError as error:
        named = Path(os.fsdecode(error.filename)) if error.filename else path
        hidden = any(part.startswith(f".{path.name}.") for part in named.parts)
        own = hidden or named.is_relative_to(path) or path.is_relative_to(named)
        said = (
            os.strerror(error.errno) if error.errno else error.strerror or str(error)
        )  # Arrow puts words of its own around them
        place = os.fsdecode(error.filename2) if error.filename2 else path if own else named  # where it was to be moved
        raise OSError(error.errno, said, str(place)) from None
