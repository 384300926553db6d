"""A policy from disk: its text, the files that it uses, and the tables that it reads, as one tree."""

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

from dsl import syntax as s
from dsl.csvtable import read_table
from dsl.diagnostics import Diagnostics, Label
from dsl.kinds import no_file
from dsl.near import nearest
from dsl.parse import MAX_CHARACTERS, parse
from dsl.records import dataclass
from dsl.source import Source, Span

LIBRARY = Path(__file__).resolve().parent.parent / "policies"
MAX_TABLE_BYTES = 1 << 26
MAX_FILES = 100
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that took part, with the SHA-256 of its bytes in hexadecimal."""

    source: Source
    sha256: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """``file`` holds every statement, those of used files first. ``sources``: the policy itself, then the rest."""

    file: s.File
    sources: tuple[ReadFile, ...]


def load(path: str | Path, diagnostics: Diagnostics) -> Loaded:
    """The policy at a path. Faults, also of the files themselves, go to ``diagnostics``."""
    folder = _real(os.path.dirname(path) or ".")
    loader = _Loader(folder, diagnostics)
    read = loader.read(folder / os.path.basename(path), str(path), None)
    return loader.load(read, folder / os.path.basename(path))


def load_text(text: str, name: str, folder: str | Path, diagnostics: Diagnostics) -> Loaded:
    """A policy that was read elsewhere (standard input); relative paths start at ``folder``."""
    root = _real(folder)
    loader = _Loader(root, diagnostics)
    read = ReadFile(Source(name, text, str(root)), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    loader.sources.append(read)
    return loader.load(read, root / "-")


def read_source(path: str | Path, diagnostics: Diagnostics) -> Source | None:
    """The text of one file, unread; None where ``diagnostics`` say why there is none."""
    folder = _real(os.path.dirname(path) or ".")
    read = _Loader(folder, diagnostics).read(folder / os.path.basename(path), str(path), None)
    return read.source if read else None


class _Loader:
    def __init__(self, root: Path, diagnostics: Diagnostics) -> None:
        self.root = root
        self.diagnostics = diagnostics
        self.sources: list[ReadFile] = []
        self.done: set[Path] = set()
        self.open: dict[Path, Span | None] = {}  # the files being read, each with the `use` that led to it

    def load(self, read: ReadFile | None, path: Path) -> Loaded:
        if read is None:
            empty = Source(str(path), "")
            return Loaded(s.File(None, None, None, "", (), Span(empty, 0, 0)), ())
        self.open[_real(path)] = None
        file = self._merge(read.source)
        return Loaded(file, tuple(self.sources))

    def _merge(self, source: Source) -> s.File:
        """One file with those it uses put before it, and its tables filled."""
        file = parse(source, self.diagnostics)
        statements: list[s.Statement] = []
        own: list[s.Statement] = []
        lost = set(file.lost)
        unread = False
        for statement in file.statements:
            match statement:
                case s.Use():
                    failed = len(self.diagnostics.found)
                    used = self._use(statement, source)
                    unread = unread or (used is None and len(self.diagnostics.found) > failed)
                    if used:
                        statements += used.statements
                        lost |= used.lost
                case s.Table(file=s.Text()):
                    before = len(self.diagnostics.found)
                    own.append(self._table(statement, source))
                    if len(self.diagnostics.found) > before:
                        lost.add(statement.name.text)
                case _:
                    own.append(statement)
        if unread:  # any name that is not declared here may be declared there
            lost |= set(_WORD.findall(source.text)) - {n.text for x in own if (n := getattr(x, "name", None))}
            lost -= {"policy"} - file.lost
        return replace(file, statements=(*statements, *own), lost=frozenset(lost))

    # -- use ----------------------------------------------------------------------------------

    def _use(self, use: s.Use, source: Source) -> s.File | None:
        text, span = use.path.value, use.path.span
        if text.endswith(".policy"):
            path, name = self._inside(text, span, source), _beside(source, text)
        else:
            path, name = self._inside(f"{text}.policy", span, None), f"{text}.policy"
        if path is None or path in self.done:
            return None
        if path in self.open:
            self._circle(path, span)
            return None
        if len(self.done) + len(self.open) >= MAX_FILES:
            self.diagnostics.error("E003", f"more than {MAX_FILES} files are used", span, help="put some together")
            return None
        read = self.read(path, name, span)
        self.open[path] = span
        file = self._merge(read.source) if read else None
        del self.open[path]
        self.done.add(path)
        return file

    def _circle(self, path: Path, span: Span) -> None:
        chain = list(self.open)
        labels = [Label(s, "led here") for p in chain[chain.index(path) :] if (s := self.open[p]) is not None]
        others = [x for x in labels if x.span != span]
        message = f"`use {span.text}` makes a circle"
        help = "put what both need into a third file"
        self.diagnostics.error("E005", message, Label(span, "this file is being read already"), *others, help=help)

    def _inside(self, text: str, span: Span, source: Source | None) -> Path | None:
        """The file that a text means: beside ``source``, or in the library where that is None. Never elsewhere."""
        if "\\" in text:
            mended = text.replace("\\", "/")
            self.diagnostics.error("E004", "folders are separated by `/`", span, help=f'write `"{mended}"`')
            return None
        folder = LIBRARY if source is None else Path(source.folder or self.root)
        try:
            path = _real(folder / text)
        except (OSError, ValueError):
            self.diagnostics.error("E002", f"`{text}` can't be a file's name", span, help="write a relative path")
            return None
        allowed = (LIBRARY,) if source is None else (self.root, LIBRARY)
        if not text or text.startswith("/") or not any(path.is_relative_to(a) for a in allowed):
            message = f"`{text}` lies outside the policy's folder"
            help = "files lie beside the policy or below it; the shipped library is `std/...`, without `.policy`"
            self.diagnostics.error("E004", message, span, help=help)
            return None
        return path

    # -- tables -------------------------------------------------------------------------------

    def _table(self, table: s.Table, source: Source) -> s.Table:
        assert table.file is not None
        text, span = table.file.value, table.file.span
        path = self._inside(text, span, source)
        read = self.read(path, _beside(source, text), span, MAX_TABLE_BYTES) if path else None
        if read is None or not table.headers:
            return table
        return replace(table, rows=read_table(table, read.source, self.diagnostics))

    # -- files --------------------------------------------------------------------------------

    def read(self, path: Path, name: str, span: Span | None, limit: int = MAX_CHARACTERS) -> ReadFile | None:
        """A file's text, noted among the sources. ``span`` is where it is named, None for the policy itself."""
        where = span or Span(Source(name, ""), 0, 0)
        try:
            if no_file(path) is not None:
                self._absent(path, name, where, span is None)
                return None
            size = path.stat().st_size
            if size > limit:
                message = f"`{name}` has {size:_} bytes, more than {limit:_}"
                help = (
                    'put long tables into a CSV file: `table ... from "file.csv"`' if limit == MAX_CHARACTERS else None
                )
                self.diagnostics.error("E003", message, where, help=help)
                return None
            data = path.read_bytes()
        except OSError as error:
            reason = (error.strerror or "it can't be read").lower()
            self.diagnostics.error("E002", f"`{name}` can't be read: {reason}", where, help="check its permissions")
            return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self._encoding(data, error.start, name, where)
            return None
        read = ReadFile(Source(name, text, str(path.parent)), hashlib.sha256(data).hexdigest())
        self.sources.append(read)
        return read

    def _absent(self, path: Path, name: str, where: Span, given: bool) -> None:
        """``given``: the policy itself, named on a command line and not in another file."""
        if path.is_dir():
            inside = sorted(p.name for p in path.glob("*.policy"))
            help = f"name a file in it, such as `{os.path.join(name, inside[0])}`" if inside else "name a file in it"
            if given and not inside:
                help = "name the policy's file; where a snapshot is given too, the policy comes first"
            self.diagnostics.error("E002", f"`{name}` is a folder", where, help=help)
        elif instead := no_file(path):
            help = "pipe a policy into `-`, or name a file" if given else "put a file there"
            self.diagnostics.error("E002", f"`{name}` is {instead}", where, help=help)
        elif path.is_relative_to(LIBRARY) and not path.is_relative_to(self.root):
            shown = path.relative_to(LIBRARY).with_suffix("")
            near = _near(path, path.suffix)
            help = f"a file of your own is named with its ending: `{shown.as_posix()}.policy`"
            help = f"did you mean `{shown.with_name(Path(near).stem).as_posix()}`?" if near else help
            message = f"the shipped library has no `{shown.as_posix()}`"
            self.diagnostics.error("E002", message, where, help=help)
        else:
            near = _near(path, ".policy" if given else path.suffix)
            shown_near = os.path.join(os.path.dirname(name), near) if given and near else near
            start = "you are in" if given else "of the file that names it"
            help = f"did you mean `{shown_near}`?" if near else f"check the path; it starts at the folder {start}"
            self.diagnostics.error("E002", f"there is no file `{name}`", where, help=help)

    def _encoding(self, data: bytes, at: int, name: str, where: Span) -> None:
        line = data.count(b"\n", 0, at) + 1
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            message = f"`{name}` is UTF-16 text, not UTF-8"
        else:
            message = f"`{name}` is not UTF-8 text: line {line} has the byte 0x{data[at]:02X}"
        help = "save it as `CSV UTF-8`" if name.endswith(".csv") else "save it as UTF-8"
        self.diagnostics.error("E001", message, where, help=help)


def _real(path: str | Path) -> Path:
    """Without links; those that lead in a circle stay, for whoever opens the file to tell."""
    return Path(os.path.realpath(path))


def _near(path: Path, suffix: str) -> str | None:
    """The name of the file with this ending, beside where the path would be, that is most like it."""
    names = {p.stem: p.name for p in path.parent.glob(f"*{suffix}")} if path.parent.is_dir() else {}
    near = nearest(path.stem, sorted(names))
    return names[near] if near else None


def _beside(source: Source, text: str) -> str:
    """How a person would call a file that ``source`` names."""
    return os.path.normpath(os.path.join(os.path.dirname(source.name), text))
