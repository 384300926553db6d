"""How the C library keeps memory, for a process that evaluates once."""

import mmap
from contextlib import suppress
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # of mallopt(3)
_BLOCK = 4 << 20  # bytes; what is larger goes back to the system as ever
_AT_ONCE = 64 << 20
_LARGE = 2 << 20  # a large page


@cache
def keep_blocks() -> None:
    """Blocks of columns that are let go are kept for the next ones, whichever thread makes them, and come from large
    pages: to get a small one from the system takes longer than what is done with it. Whole columns go back as ever."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):  # a C library that has no such thing
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _BLOCK)
        library.mallopt(_TRIM_THRESHOLD, 4 * _AT_ONCE)
        library.mallopt(_ARENA_MAX, 1)
        _in_large_pages(library, ctypes.c_void_p, ctypes.c_size_t)


def _in_large_pages(library: Any, pointer: Any, size: Any) -> None:
    """What is kept next: the system is asked for so much at once, and none of it until somebody writes to it."""
    library.sbrk.restype = library.malloc.restype = pointer
    start = library.sbrk(0)
    library.mallopt(_TOP_PAD, _AT_ONCE)
    library.free(pointer(library.malloc(size(_BLOCK - 4096))))
    library.mallopt(_TOP_PAD, 128 << 10)  # as it was
    start, end = -(-start // _LARGE) * _LARGE, library.sbrk(0)
    if end > start:
        library.madvise(pointer(start), size(end - start), mmap.MADV_HUGEPAGE)
