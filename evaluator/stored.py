"""A snapshot kept on disk as it was read for a policy: Arrow files that are mapped into memory, and what they are of.

They stand in the folder ``.softliq`` beside the tables: for each set of inputs a manifest (JSON) that names the folder
with the columns. A manifest takes the place of another at once, when its folder is complete, so nobody ever reads half
an index, and of two processes the last one's counts.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dsl.model import Kind, Policy
from dsl.params import ParamError, resolve_params
from dsl.records import dataclass
from evaluator.arrays import column_of, values_of
from evaluator.arrays import compute as pc
from evaluator.book import Book, BookTable, Members
from evaluator.cells import names
from evaluator.columns import Column
from evaluator.hashes import file_hash
from evaluator.index import Index
from evaluator.kept import Kept
from evaluator.layout import FOLDER, Layout, needs_table
from evaluator.mapped import column as column_in
from evaluator.mapped import mapped, numbers, save
from evaluator.needs import aggregated_links
from evaluator.plain import moment_of
from evaluator.stored_layout import read_layout, write_layout
from evaluator.tables import RawTable
from evaluator.texts import Texts
from evaluator.written import Written, derived

FORMAT = 2  # of what is written here, and of how a book is laid out; what is of another one is made anew
_KEPT = 8  # sets of inputs
_NAME = re.compile(
    r"[0-9a-f]{16}(-[0-9a-f]{12})?(\.json)?"
)  # of a manifest, or of a folder and what becomes its manifest
_LEFT = 3600  # seconds after which a folder that no manifest names was left by a process that ended early

Stamp = list[int]


@dataclass(frozen=True, slots=True)
class Found:
    """What there was: the book, or why there is none; "" where nobody made an index."""

    book: Book | None
    why: str = ""


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


# -- reading ----------------------------------------------------------------------------------


def load(layout: Layout, policy: Policy, as_of: Fraction | None) -> Found:
    """The book from its index, where that is of these very files."""
    home = layout.folder / FOLDER
    key = key_of_inputs(policy, as_of)
    try:
        manifest = json.loads((home / f"{key}.json").read_text("utf-8"))
        if manifest["format"] != FORMAT or manifest["order"] != list(policy.entities):
            return Found(None, "the index is of another version")
        changed = _changed(layout, manifest)
        if changed:
            return Found(None, changed)
        tables, hashes = _tables(home / manifest["folder"], policy, manifest, layout)
        index, groups = read_layout(home / manifest["folder"], manifest["layout"], tables)
    except FileNotFoundError:
        others = home.is_dir() and any(home.glob("*.json"))
        return Found(None, "the index is of other inputs than this policy's" if others else "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return Found(None, "the index is damaged, or is none")
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


def _tables(
    home: Path, policy: Policy, manifest: Mapping[str, Any], layout: Layout
) -> tuple[dict[str, BookTable], dict[str, str]]:
    for name, size in manifest["sizes"].items():
        if (home / name).stat().st_size != size:
            raise ValueError(f"{name} is not whole")
    told = {entity: manifest["tables"][entity] for entity in policy.entities if entity in manifest["tables"]}
    keys = {
        entity: Texts(column_in(home / f"{entity}.keys.arrow"), numbers(home / f"{entity}.sorted.arrow"))
        for entity, one in told.items() if one["keys"]
    }  # fmt: skip
    tables = {}
    for entity in policy.entities:
        made = policy.entities[entity]
        if entity in told:
            tables[entity] = _table(home, policy, entity, told[entity], keys)
        elif not needs_table(made) and made.groups is None:
            tables[entity] = BookTable(entity, 1, (), {}, {}, lambda column, row: "")
    return tables, {place.shown: manifest["files"][entity]["sha256"] for entity, place in layout.places.items()}


def _table(home: Path, policy: Policy, entity: str, told: Mapping[str, Any], keys: Mapping[str, Texts]) -> BookTable:
    stored = mapped(home / f"{entity}.arrow")
    columns: dict[str, Column] = {}
    texts: dict[str, Texts] = {}
    members: dict[str, Members] = {}
    links: dict[str, Texts] = {}
    for name in told["columns"]:
        kind = policy.type_of(entity, name).kind
        values = values_of(stored.column(name))
        if kind is Kind.FLAG:
            values = values.view(np.bool_)
        quality = f"{name}?"
        has = quality in stored.column_names
        columns[name] = Column(values, values_of(stored.column(quality)) if has else None, finite=not has)
        if len(values) != told["rows"]:
            raise ValueError(f"{name} has {len(values)} rows")
        if kind is Kind.TEXT:
            texts[name] = Texts(column_in(home / f"{entity}.{name}.texts.arrow"))
        elif kind is Kind.LINK:
            target = policy.type_of(entity, name).entity
            links[name] = keys[target]
            ordered = home / f"{entity}.{name}.members.arrow"
            members[name] = Members(columns[name], numbers(ordered), numbers(home / f"{entity}.{name}.starts.arrow"))
    written = Written(
        columns, texts, links, frozenset(told["derived"]), partial(mapped, home / f"{entity}.written.arrow")
    )
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


# -- writing ----------------------------------------------------------------------------------


def store(
    layout: Layout, policy: Policy, book: Book, raws: Mapping[str, RawTable], before: Mapping[str, Stamp]
) -> Path | None:
    """Writes the index of a book that was just read; where, or None if a file changed meanwhile.

    Raises OSError where the folder can't be written to; then nothing is left there.
    """
    home = layout.folder / FOLDER
    key = key_of_inputs(policy, book.as_of)
    home.mkdir(exist_ok=True)
    folder = home / f"{key}-{uuid.uuid4().hex[:12]}"
    folder.mkdir()
    temporary = folder.with_suffix(".json")
    try:
        tables = {entity: _write(folder, policy, book, entity, raw) for entity, raw in raws.items()}
        laid = _lay_out(folder, policy, book)
        if stamps(layout) != before:
            shutil.rmtree(folder)
            return None
        files = {
            entity: {
                "shown": place.shown,
                "columns": dict(place.columns),
                "sha256": layout.hashes[place.shown],
                "stamp": before[entity],
            }
            for entity, place in layout.places.items()
        }
        manifest = {
            "format": FORMAT,
            "folder": folder.name,
            "order": list(policy.entities),
            "files": files,
            "tables": tables,
            "layout": laid,
            "sizes": {p.name: p.stat().st_size for p in sorted(folder.iterdir())},
        }
        temporary.write_text(json.dumps(manifest, indent=1), "utf-8")
        last = _folder_of(home / f"{key}.json")
        os.replace(temporary, home / f"{key}.json")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        temporary.unlink(missing_ok=True)
        raise
    _tidy(home, last)
    return home


def _write(folder: Path, policy: Policy, book: Book, entity: str, raw: RawTable) -> dict[str, Any]:
    """One table's files, and what a manifest says of it."""
    table = book.tables[entity]
    columns: dict[str, Any] = {}
    for name, column in table.columns.items():
        kind = policy.type_of(entity, name).kind
        values = np.ascontiguousarray(column.values)
        columns[name] = column_of(values.view(np.uint8) if kind is Kind.FLAG else values)
        if column.quality is not None:
            columns[f"{name}?"] = column_of(column.quality)
        if kind is Kind.TEXT:
            texts = pa.array(list(table.texts.get(name, ())), pa.string())
            save(folder / f"{entity}.{name}.texts.arrow", {"text": texts})
        elif kind is Kind.LINK:
            ordered, starts = _members(column, book.tables[policy.type_of(entity, name).entity].rows)
            save(folder / f"{entity}.{name}.members.arrow", {"row": column_of(ordered)})
            save(folder / f"{entity}.{name}.starts.arrow", {"start": column_of(starts)})
    save(folder / f"{entity}.arrow", columns)
    if raw.keys is not None:
        save(folder / f"{entity}.keys.arrow", {"key": raw.keys})
        ordered = values_of(pc.sort_indices(names(raw.keys))).astype(np.int64)  # as texts
        save(folder / f"{entity}.sorted.arrow", {"row": column_of(ordered)})
    faithful = {c: raw.file.faithful(n) for c, n in raw.names.items() if c != entity}
    left = {c: array for c, array in faithful.items() if not derived(policy, table, c, array)}
    save(folder / f"{entity}.written.arrow", left)
    return {
        "rows": table.rows,
        "keys": raw.keys is not None,
        "path": table.path,
        "columns": list(table.columns),
        "left_out": list(table.left_out),
        "long": sorted(table.long),
        "derived": sorted(set(faithful) - set(left)),
    }


def _lay_out(folder: Path, policy: Policy, book: Book) -> dict[str, Any] | None:
    """What an evaluation lays out: by evaluating once."""
    from evaluator.run import evaluate  # all that evaluates, which reading an index doesn't take

    try:
        params = resolve_params(policy, None if book.as_of is None else moment_of(book.as_of))
    except ParamError:  # no version is in force: nothing is evaluated without --set
        return None
    index = Index()
    evaluate(policy, replace(book, index=index), params, wanted=(), watch=True)
    return write_layout(folder, book, index)


def _members(column: Column, count: int) -> tuple[Any, Any]:
    """The rows by what they lead to, in their order, and where each target's begin; what leads nowhere stands first."""
    targets = np.where(column.known(), column.values, -1) + 1
    ordered = np.argsort(targets, kind="stable")
    starts = np.cumsum(np.bincount(targets, minlength=count + 1))
    return ordered.astype(np.int64), starts.astype(np.int64)


def _folder_of(manifest: Path) -> str:
    try:
        return str(json.loads(manifest.read_text("utf-8"))["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _tidy(home: Path, last: str) -> None:
    """Removes what the new manifest took the place of, what was left unfinished, and the oldest of many; nothing that
    doesn't bear the name of an index."""
    with contextlib.suppress(OSError):
        ours = [(path, _NAME.fullmatch(path.name)) for path in home.iterdir()]
        manifests = sorted((p for p, name in ours if name and name[2] == ".json"), key=lambda p: -p.stat().st_mtime)
        gone = {last, *(_folder_of(old) for old in manifests[_KEPT:])}
        for old in manifests[_KEPT:]:
            old.unlink(missing_ok=True)
        named = {_folder_of(m) for m in manifests[:_KEPT]}
        for path, name in ours:
            if name is None or name[1] is None or path.name in named:
                continue
            if path.name in gone or path.stat().st_mtime < time.time() - _LEFT:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
