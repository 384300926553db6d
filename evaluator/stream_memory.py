"""Sizes of memory, as people write them."""

import re

LEAST = 256 << 20  # bytes: the program itself, before it reads a row, takes most of that
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}  # fmt: skip
_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([kmgtKMGT]?[iI]?[bB]?)\s*", re.ASCII)


def bytes_of(text: str | int) -> int:
    """``1GB``, ``512 MiB`` or a number of bytes. Raises ValueError with what is wrong."""
    found = _SIZE.fullmatch(str(text))
    unit = found[2].upper() if found else ""
    unit = unit + "B" if unit in ("K", "M", "G", "T") else unit
    if found is None or unit not in _UNITS:
        raise ValueError(f"`{text}` is no size: write it like 1GB or 512MB")
    size = int(float(found[1]) * _UNITS[unit])
    if size < LEAST:
        raise ValueError(f"`{text}` is too little: give at least 256MiB")
    return size
