"""A snapshot kept on disk as it was read for a policy: Arrow files that are mapped into memory, and what they are of.

They stand in the folder ``.softliq`` beside the tables: for each set of inputs a manifest (JSON) that names the folder
with the columns. A manifest takes the place of another at once, when its folder is complete, so nobody ever reads half
an index, and of two processes the last one's counts (``storing``). To look at some rows needs neither NumPy nor Arrow.
"""

import contextlib
import hashlib
import json
import zlib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from dsl.model import Kind, Policy
from dsl.records import dataclass
from evaluator.book import Book, BookTable, Members
from evaluator.columns import Column
from evaluator.hashes import file_hash
from evaluator.kept import Kept
from evaluator.later import np
from evaluator.layout import FOLDER, Layout, needs_table
from evaluator.mapped import Mapped, checksum
from evaluator.needs import aggregated_links
from evaluator.texts import Texts
from evaluator.written import Written

FORMAT = 4  # of what is written here, and of how a book is laid out; what is of another one is made anew
SMALL = 1 << 23  # bytes: an index that is no larger is verified by whoever opens it, in a few milliseconds

Stamp = list[int]


@dataclass(frozen=True, slots=True)
class Found:
    """What there was: the book, or why there is none; "" where nobody made an index. ``damaged``: it isn't what was
    written."""

    book: Book | None
    why: str = ""
    damaged: bool = False


def key_of_inputs(policy: Policy, as_of: Fraction | None) -> str:
    """Of all that decides how a snapshot's cells are read: the entities' inputs, their types, ranges and freshness, the
    links that no row may lack, and the instant where some column has to be fresh."""
    inputs = [
        [e.name, e.once, needs_table(e)]
        + [
            [i.name, i.type.kind.name, str(i.type), repr(i.domain), i.optional, str(i.fresh), i.grouped]
            for i in e.inputs.values()
        ]
        for e in policy.entities.values()
    ]
    fresh = any(i.fresh is not None for e in policy.entities.values() for i in e.inputs.values())
    told = [FORMAT, inputs, sorted(aggregated_links(policy)), str(as_of) if fresh else ""]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def stamps(layout: Layout) -> dict[str, Stamp]:
    """What changes with a file, without reading it: size, both times, and number."""
    found = {}
    for entity, place in layout.places.items():
        with contextlib.suppress(OSError):
            stat = place.path.stat()
            found[entity] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    return found


def manifest_text(told: Mapping[str, Any]) -> str:
    """What stands in a manifest of this."""
    return json.dumps({"format": FORMAT, "crc32": _checksum(told), "told": told})


def read_manifest(path: Path) -> dict[str, Any] | None:
    """What was put into a manifest; None in one of another version. Raises OSError, ValueError, KeyError or TypeError
    where it can't be read or is another one than was written."""
    manifest = json.loads(path.read_text("utf-8"))
    if manifest["format"] != FORMAT:
        return None
    told: dict[str, Any] = manifest["told"]
    if _checksum(told) != manifest["crc32"]:
        raise ValueError(f"{path.name} is not what was written")
    return told


def _checksum(told: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(told).encode())


def load(layout: Layout, policy: Policy, as_of: Fraction | None, rows: bool = False, verify: bool = False) -> Found:
    """The book from its index, where that is of these very files. ``rows``: for looking at some of them, without what
    an evaluation has laid out, and numbers one by one. ``verify``: whatever its size, all of it is read first."""
    home = layout.folder / FOLDER
    key = key_of_inputs(policy, as_of)
    try:
        manifest = read_manifest(home / f"{key}.json")
        if manifest is None or manifest["order"] != list(policy.entities):
            return Found(None, "the index is of another version")
        changed = _changed(layout, manifest)
        if changed:
            return Found(None, changed)
        folder = home / manifest["folder"]
        if verify or sum(told["seal"][0] for told in manifest["stored"].values()) <= SMALL:
            for name, told in manifest["stored"].items():
                if checksum(folder / name) != told["crc32"]:
                    return Found(None, f"`{name}` of the index is damaged", damaged=True)
        stored = {name: Mapped(folder / name, told, not rows) for name, told in manifest["stored"].items()}
        tables = _tables(stored, policy, manifest["tables"])
        index, groups = None, Kept().groups
        if not rows:
            from evaluator.stored_layout import read_layout  # and what groups rows with it

            index, groups = read_layout(stored, manifest["layout"], tables)
        hashes = {place.shown: manifest["files"][entity]["sha256"] for entity, place in layout.places.items()}
    except FileNotFoundError:
        others = home.is_dir() and any(home.glob("*.json"))
        return Found(None, "the index is of other inputs than this policy's" if others else "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return Found(None, "the index is damaged, or is none", damaged=True)
    layout.hashes.update(hashes)
    return Found(Book(layout.name, as_of, tables, dict(layout.hashes), index, Kept(groups=groups)))


def _changed(layout: Layout, manifest: Mapping[str, Any]) -> str:
    """Which file is another one than was indexed, and how; "" where none is."""
    now = stamps(layout)
    for entity, place in layout.places.items():
        known = manifest["files"].get(entity)
        if known is None or known["shown"] != place.shown or known["columns"] != dict(place.columns):
            return f"`{place.shown}` is read in another way"
        if now.get(entity) == known["stamp"]:
            continue
        if now.get(entity, [-1])[0] != known["stamp"][0] or file_hash(place.path) != known["sha256"]:
            return f"`{place.shown}` has changed"
    return ""


def _tables(stored: Mapping[str, Mapped], policy: Policy, tables: Mapping[str, Any]) -> dict[str, BookTable]:
    told = {entity: tables[entity] for entity in policy.entities if entity in tables}
    keys = {
        entity: stored[f"{entity}.keys.arrow"].texts(order=stored[f"{entity}.sorted.arrow"].numbers())
        for entity, one in told.items() if one["keys"]
    }  # fmt: skip
    found = {}
    for entity, made in policy.entities.items():
        if entity in told:
            found[entity] = _table(stored, policy, entity, told[entity], keys)
        elif not needs_table(made) and made.groups is None:
            found[entity] = BookTable(entity, 1, (), {}, {}, lambda column, row: "")
    return found


def _table(
    stored: Mapping[str, Mapped], policy: Policy, entity: str, told: Mapping[str, Any], keys: Mapping[str, Texts]
) -> BookTable:
    file = stored[f"{entity}.arrow"]
    columns: dict[str, Column] = {}
    texts: dict[str, Texts] = {}
    members: dict[str, Members] = {}
    links: dict[str, Texts] = {}
    for name in told["columns"]:
        kind = policy.type_of(entity, name).kind
        values = file.numbers(name)
        if kind is Kind.FLAG and file.whole:
            values = values.view(np.bool_)
        quality = f"{name}?"
        has = quality in file.names
        columns[name] = Column(values, file.numbers(quality) if has else None, finite=not has)
        if len(values) != told["rows"]:
            raise ValueError(f"{name} has {len(values)} rows")
        if kind is Kind.TEXT:
            texts[name] = stored[f"{entity}.{name}.texts.arrow"].texts()
        elif kind is Kind.LINK:
            target = policy.type_of(entity, name).entity
            links[name] = keys[target]
            ordered, starts = (stored[f"{entity}.{name}.{of}.arrow"].numbers() for of in ("members", "starts"))
            members[name] = Members(columns[name], ordered, starts)
    written = Written(columns, texts, links, frozenset(told["derived"]), stored[f"{entity}.written.arrow"])
    return BookTable(
        entity,
        told["rows"],
        keys.get(entity, ()),
        columns,
        dict(texts),
        written,
        told["path"],
        tuple(told["left_out"]),
        frozenset(told["long"]),
        members=members,
    )
