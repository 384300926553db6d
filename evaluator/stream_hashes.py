"""Texts to numbers, equal where the texts are: which part of a book a key belongs to, and which keys may be twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15
_MIX = 0xBF58476D1CE4E5B9
_ROWS = 1 << 14  # texts at a time: their characters as numbers stay in the processor's cache
_ONCE = 1 << 21  # hashes compared at a time


def hashes(texts: Any) -> Hashes:
    """(n,) of a pyarrow column of text; no text is the empty one."""
    found = [_hashed(part) for chunk in texts.chunks for part in _parts(chunk)]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.uint64)


def _parts(chunk: Any) -> Iterator[Any]:
    for start in range(0, len(chunk), _ROWS):
        yield chunk.slice(start, _ROWS)


def _hashed(texts: Any) -> Hashes:
    """A polynomial in the characters, mixed so that every bit depends on each of them."""
    _, places, data = texts.buffers()
    if data is None:
        return np.zeros(len(texts), dtype=np.uint64)
    ends = np.frombuffer(places, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    characters: Hashes = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]].astype(np.uint64)
    ends -= ends[0]
    place = np.arange(len(characters)) - np.repeat(ends[:-1], np.diff(ends))
    powers = np.cumprod(np.full(int(np.diff(ends).max(initial=0)) + 1, _BASE, dtype=np.uint64))
    characters = ((characters + np.uint64(1)) * powers[place]).astype(np.uint64)
    sums = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(characters)))
    found: Hashes = sums[ends[1:]] - sums[ends[:-1]]
    found ^= found >> np.uint64(31)
    found *= np.uint64(_MIX)
    found ^= found >> np.uint64(29)
    found *= np.uint64(_BASE)
    return found ^ (found >> np.uint64(32))


def may_repeat(path: Path) -> bool:
    """Whether two of the hashes in a file are equal; a few million of them are looked at at a time."""
    if path.stat().st_size == 0:
        return False
    count = path.stat().st_size // 8
    slices = -(-count // _ONCE)
    for i in range(slices):
        found = []
        for start in range(0, count, _ONCE):
            part = np.fromfile(path, dtype=np.uint64, count=_ONCE, offset=8 * start)
            found.append(part if slices == 1 else part[part % np.uint64(slices) == i])
        here = np.sort(np.concatenate(found))
        if bool((here[1:] == here[:-1]).any()):
            return True
    return False


def buckets(found: Hashes, count: int) -> npt.NDArray[np.int64]:
    """(n,) which of ``count`` parts each belongs to."""
    return ((found >> np.uint64(20)) % np.uint64(count)).astype(np.int64)


def texts_of(array: Any) -> Any:
    """A column of keys as text without nulls."""
    return pa.chunked_array([c.fill_null("") for c in array.chunks], pa.string())
