"""How the C library keeps memory, for a process that evaluates once."""

from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def keep_blocks() -> None:
    """Blocks of columns that are let go are kept for the next ones. Each thread makes thousands of them, and to get a
    page from the system again takes longer than what is done with it. Whole columns go back to the system as ever."""
    import ctypes  # NumPy has loaded it

    with suppress(OSError, AttributeError, TypeError):  # a C library that has no such thing
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, 4 << 20)
        mallopt(_TRIM_THRESHOLD, 256 << 20)
