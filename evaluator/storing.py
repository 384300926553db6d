"""A book that was just read, written beside its tables: what ``stored`` reads."""

import contextlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dsl.model import Kind, Policy
from dsl.params import ParamError, resolve_params
from evaluator.arrays import column_of, values_of
from evaluator.arrays import compute as pc
from evaluator.book import Book
from evaluator.cells import names
from evaluator.columns import Column
from evaluator.index import Index
from evaluator.layout import FOLDER, Layout
from evaluator.mapped import Folder
from evaluator.plain import moment_of
from evaluator.raw_table import RawTable
from evaluator.sorting import by_number
from evaluator.stored import Stamp, key_of_inputs, manifest_text, stamps
from evaluator.stored_layout import write_layout
from evaluator.written import derived

_KEPT = 8  # sets of inputs
_NAME = re.compile(
    r"[0-9a-f]{16}(-[0-9a-f]{12})?(\.json)?"
)  # of a manifest, or of a folder and what becomes its manifest
_LEFT = 3600  # seconds after which a folder that no manifest names was left by a process that ended early


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
        made = Folder(folder)
        tables = {entity: _write(made, policy, book, entity, raw) for entity, raw in raws.items()}
        laid = _lay_out(made, policy, book)
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
            "folder": folder.name,
            "order": list(policy.entities),
            "files": files,
            "tables": tables,
            "layout": laid,
            "stored": made.told,
        }
        temporary.write_text(manifest_text(manifest), "utf-8")
        last = _folder_of(home / f"{key}.json")
        os.replace(temporary, home / f"{key}.json")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        temporary.unlink(missing_ok=True)
        raise
    _tidy(home, last)
    return home


def _write(folder: Folder, policy: Policy, book: Book, entity: str, raw: RawTable) -> dict[str, Any]:
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
            folder.save(f"{entity}.{name}.texts.arrow", {"text": texts})
        elif kind is Kind.LINK:
            ordered, starts = _members(column, book.tables[policy.type_of(entity, name).entity].rows)
            folder.save(f"{entity}.{name}.members.arrow", {"row": column_of(ordered)})
            folder.save(f"{entity}.{name}.starts.arrow", {"start": column_of(starts)})
    folder.save(f"{entity}.arrow", columns)
    if raw.keys is not None:
        folder.save(f"{entity}.keys.arrow", {"key": raw.keys})
        ordered = values_of(pc.sort_indices(names(raw.keys))).astype(np.int64)  # as texts
        folder.save(f"{entity}.sorted.arrow", {"row": column_of(ordered)})
    faithful = {c: raw.file.faithful(n) for c, n in raw.names.items() if c != entity}
    left = {c: array for c, array in faithful.items() if not derived(policy, table, c, array)}
    folder.save(f"{entity}.written.arrow", left)
    return {
        "rows": table.rows,
        "keys": raw.keys is not None,
        "path": table.path,
        "columns": list(table.columns),
        "left_out": list(table.left_out),
        "long": sorted(table.long),
        "derived": sorted(set(faithful) - set(left)),
    }


def _lay_out(folder: Folder, policy: Policy, book: Book) -> dict[str, Any] | None:
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
    ordered = by_number(targets)
    starts = np.cumsum(np.bincount(targets, minlength=count + 1))
    return ordered.astype(np.int64), starts.astype(np.int64)


def _folder_of(manifest: Path) -> str:
    try:
        return str(json.loads(manifest.read_text("utf-8"))["told"]["folder"])
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
