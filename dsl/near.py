"""Names in messages: the one that a person may have meant, whatever its case, and all that there are."""

from collections.abc import Collection, Iterable
from pathlib import Path

_MANY = 500  # with more, a file full of faults would take for ever


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """None where nothing is near. ``cutoff``: how alike the two have to be, 0 to 1."""
    from difflib import get_close_matches  # most commands need none

    by_lower = {n.lower(): n for n in names}
    found = get_close_matches(name.lower(), list(by_lower), 1, cutoff)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, names: Collection[str]) -> str | None:
    found = nearest(name, names) if len(names) <= _MANY else None
    return f"did you mean `{found}`?" if found else None


def nearest_file(path: Path) -> Path | None:
    """Where nothing has this path: what stands beside, and is called most like it."""
    found = nearest(path.name, (p.name for p in path.parent.iterdir())) if path.parent.is_dir() else None
    return path.parent / found if found else None


def listed(names: Iterable[str], none: str = "none") -> str:
    """``` `a`, `b` ```; ``none`` where there are none."""
    return ", ".join(f"`{n}`" for n in names) or none
