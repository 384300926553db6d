"""Where a snapshot's tables are: the files of a folder, or what its ``snapshot.toml`` says."""

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dsl.kinds import no_file
from dsl.model import Entity, Policy
from dsl.near import nearest, nearest_file
from dsl.records import dataclass
from evaluator.ahead import BINARY_FILES, hash_of, stop_others
from evaluator.ahead import FOLDER as FOLDER
from evaluator.ahead import TOML as TOML
from evaluator.hashes import Hash
from evaluator.problems import Problem, quoted

TEXT_FILES = (".csv", ".csv.gz")
_COPY = "put the table itself there, as a file"
SUFFIXES = TEXT_FILES + BINARY_FILES
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Place:
    """One entity's file. ``shown`` is its name in messages; ``columns``: the policy's names to the file's."""

    path: Path
    shown: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Layout:
    """A snapshot's files by entity, its instant, and what is wrong with them so far. ``hashing``: by entity, the hashes
    of binary files that are being worked out."""

    name: str
    folder: Path
    places: dict[str, Place] = field(default_factory=dict)
    as_of: datetime | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    hashing: dict[str, Hash] = field(default_factory=dict)

    @property
    def to_be_read(self) -> bool:
        """Whether there is no index, as far as one can see."""
        return not self.problems and not (self.folder / FOLDER).exists()

    def hash(self, entity: str) -> Hash:
        """A binary file's hash, begun here unless it was before. Raises OSError where the file can't be opened."""
        if entity not in self.hashing:
            self.hashing[entity] = hash_of(self.places[entity].path)
        return self.hashing[entity]

    def hash_ahead(self) -> None:
        """Begins with the hashes that are needed where no index is: that takes a while, and so does loading NumPy."""
        for entity, place in self.places.items() if self.to_be_read else ():
            if place.path.name.endswith(BINARY_FILES):
                with contextlib.suppress(OSError):  # told when the file is opened
                    self.hash(entity)
        stop_others()


def needs_table(entity: Entity) -> bool:
    """A ``once`` entity without inputs has its one row anyway, and the rows of a group come from its members."""
    return entity.groups is None and (not entity.once or bool(entity.inputs))


def find_layout(path: Path, policy: Policy) -> Layout:
    """The files of a folder, or of the ``snapshot.toml`` given; every fault in ``problems``."""
    is_folder = os.path.isdir(path)
    is_toml = path.suffix == ".toml" and not is_folder
    toml = path if is_toml else path / TOML
    folder = path.parent if is_toml else path
    layout = Layout(Path(os.path.realpath(folder)).name or str(folder), folder)
    try:
        _find(layout, policy, path, toml if is_toml or is_folder else None)
    except PermissionError as error:
        closed = not os.access(layout.folder, os.R_OK | os.X_OK)
        shown = layout.folder if closed else error.filename or path
        help = "mend the rights of the folder" if closed else "mend its rights"
        layout.problems.append(Problem(f"no right to read `{shown}`", help=help))
    return layout


def _find(layout: Layout, policy: Policy, path: Path, toml: Path | None) -> None:
    """Finds them. ``path`` is as given; ``toml``: the file that may stand there, None where that is no snapshot's."""
    instead = no_file(path)
    if instead == "":
        near = nearest_file(path)
        help = f"did you mean `{near}`?" if near else "give the folder that holds the tables"
        layout.problems.append(Problem(f"no such snapshot: `{path}`", help=help))
    elif toml is None or (instead is not None and toml == path):
        help = f"give the folder that holds the tables, or its {TOML}"
        layout.problems.append(Problem(f"not a snapshot: `{path}` is {instead or 'a file'}", help=help))
    elif instead := no_file(toml):
        layout.problems.append(Problem(f"the file can't be read: it is {instead}", toml.name, help=_COPY))
    else:
        there = toml.is_file()
        _find_files(layout, policy, _Toml(layout, policy, toml).read() if there else {}, there)


def input_files(path: Path, policy: Policy) -> list[Path]:
    """The files that a snapshot is read from."""
    layout = find_layout(path, policy)
    return [place.path for place in layout.places.values()]


def _find_files(layout: Layout, policy: Policy, stated: Mapping[str, dict[str, Any]], toml: bool) -> None:
    entities = [e.name for e in policy.entities.values() if needs_table(e)]
    present = sorted(p.name for p in layout.folder.iterdir())
    missing: list[Problem] = []
    for entity in entities:
        said = stated.get(entity, {})
        if "file" in said:
            _stated_file(layout, entity, said)
            continue
        found = [entity + suffix for suffix in SUFFIXES if entity + suffix in present]
        if not found:
            missing.append(_no_table(entity, present, entities))
            continue
        _place(layout, entity, found[0], said)
        if len(found) > 1:
            help = f'keep one of them, or choose in {TOML}: [{entity}] file = "{found[0]}"'
            message = f"`{entity}` has {len(found)} tables: {quoted(found)}"
            layout.problems.append(Problem(message, layout.name, help=help))
            layout.places.pop(entity, None)
    if len(missing) == len(entities) and entities and not toml:
        holds = f"it holds {quoted(present, 5)}" if present else "it is empty"
        expected = ", ".join(f"{e}.csv" for e in entities)
        help = f"expected {expected} (or .parquet, .arrow), or a {TOML} that names the files"
        missing = [Problem(f"`{layout.folder}` isn't a snapshot of this policy: {holds}", help=help)]
    layout.problems += missing


def _place(layout: Layout, entity: str, shown: str, said: Mapping[str, Any]) -> None:
    """An entity's table, where a file stands there."""
    path = layout.folder / shown
    instead = no_file(path)
    if instead is None:
        layout.places[entity] = Place(path, shown, said.get("columns", {}))
    else:
        layout.problems.append(Problem(f"the file can't be read: it is {instead or 'gone'}", shown, help=_COPY))


def _no_table(entity: str, present: list[str], entities: list[str]) -> Problem:
    others = {p: p[: p.index(".")] for p in present if p.endswith(SUFFIXES)}
    stem = nearest(entity, (stem for stem in others.values() if stem not in entities))
    near = next((p for p, other in others.items() if other == stem), None)
    help = f"write {entity}.csv, {entity}.parquet or {entity}.arrow, or name its file in {TOML}"
    sheet = next((p for p in present if p.lower() in (f"{entity}.xlsx", f"{entity}.xls", f"{entity}.ods")), None)
    if sheet:
        help = f"save `{sheet}` as `CSV UTF-8`, under the name {entity}.csv"
    elif near:
        help = f'rename `{near}`, or name it in {TOML}: [{entity}] file = "{near}"'
    return Problem(f"no table for `{entity}`", entity + ".csv", help=help)


def _stated_file(layout: Layout, entity: str, said: Mapping[str, Any]) -> None:
    shown = said["file"]
    path = layout.folder / shown
    if no_file(path) == "":
        near = nearest_file(path)
        help = f"did you mean `{Path(shown).with_name(near.name).as_posix()}`?" if near else "paths start at its folder"
        layout.problems.append(Problem(f"`{entity}` is in `{shown}`, which doesn't exist", TOML, help=help))
    elif not path.name.endswith(SUFFIXES):
        help = f"a table is in one of {quoted(SUFFIXES)}"
        layout.problems.append(Problem(f"`{entity}` is in `{shown}`, whose format isn't known", TOML, help=help))
    else:
        _place(layout, entity, shown, said)


@dataclass(slots=True)
class _Toml:
    """A ``snapshot.toml``: ``as_of``, and per entity ``file`` and ``columns``."""

    layout: Layout
    policy: Policy
    path: Path

    def read(self) -> dict[str, dict[str, Any]]:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            self.fault(f"the file can't be read: {(error.strerror or 'no reason given').lower()}", "mend its rights")
            return {}
        import tomllib  # few snapshots have such a file

        self.layout.hashes[self.path.name] = hashlib.sha256(data).hexdigest()
        try:
            content = tomllib.loads(data.decode("utf-8-sig"))
        except RecursionError:
            self.fault("not valid TOML: lists stand inside each other too deeply", "it holds `as_of` and sections")
            return {}
        except UnicodeDecodeError:
            self.fault("the file isn't in UTF-8", "save it as UTF-8")
            return {}
        except ValueError as error:  # TOMLDecodeError, or of numbers with thousands of digits
            text = str(error)
            place = _PLACE.search(text)
            row = int(place[1]) if place and place[1] else None
            message = (text[: place.start()] if place else text).replace("'", "`")
            help = "mend this line" if row else "the text breaks off: mend its last line"
            self.fault(f"not valid TOML: {message[:1].lower()}{message[1:]}", help, row)
            return {}
        self.as_of(content.pop("as_of", None))
        return {entity: said for entity, said in content.items() if self.entity(entity, said)}

    def fault(self, message: str, help: str, row: int | None = None, column: str | None = None) -> None:
        self.layout.problems.append(Problem(message, self.path.name, row, column, help))

    def as_of(self, stated: Any) -> None:
        if isinstance(stated, datetime) and stated.tzinfo is not None:
            try:
                self.layout.as_of = stated.astimezone(UTC)
            except OverflowError:
                self.fault("`as_of` is outside of the years 1 to 9999", "write an instant such as 2026-12-01T00:00:00Z")
        elif isinstance(stated, date) and not isinstance(stated, datetime):
            self.layout.as_of = datetime(stated.year, stated.month, stated.day, tzinfo=UTC)
        elif stated is not None:
            self.fault(
                "`as_of` isn't an instant with its zone", "write it without quotes: as_of = 2026-12-01T00:00:00Z"
            )

    def entity(self, name: str, said: Any) -> bool:
        """Whether an entry of the file is an entity's, with keys that are known."""
        entities = [e.name for e in self.policy.entities.values() if needs_table(e)]
        if name not in entities:
            what = "entity" if isinstance(said, dict) else "key"
            self.unknown(f"`{name}` is no {what} of this policy's snapshots", name, ["as_of", *entities])
            return False
        if not isinstance(said, dict):
            self.fault(f"`{name}` isn't a section", f'write [{name}] on a line and file = "..." on the next')
            return False
        for key in said:
            if key not in ("file", "columns"):
                self.unknown(f"[{name}] has no key `{key}`", key, ["file", "columns"])
        if not isinstance(said.get("file", ""), str):
            self.fault(f"`file` of [{name}] isn't text", f'write file = "{name}.csv"')
            return False
        return self.columns(self.policy.entities[name], said.get("columns", {}))

    def columns(self, entity: Entity, renamed: Any) -> bool:
        if not isinstance(renamed, dict) or not all(isinstance(v, str) and v.strip() for v in renamed.values()):
            self.fault(f"`columns` of [{entity.name}] isn't a list of names", 'write columns = { mark = "mark_price" }')
            return False
        known = [] if entity.once else [entity.name]
        for column in entity.given.values():
            known += [column.name] if column.fresh is None else [column.name, f"{column.name}_at"]
        for name in renamed:
            if name not in known:
                self.unknown(f"`{entity.name}` has no column `{name}` in this policy", name, known)
        return True

    def unknown(self, message: str, name: str, names: list[str]) -> None:
        near = nearest(name, names)
        self.fault(message, f"did you mean `{near}`?" if near else f"known here: {quoted(names)}")
