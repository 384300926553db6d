"""Tables of which not all is read: their headers alone, or keys and links."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from dsl.model import Kind, Policy
from dsl.records import dataclass
from evaluator.arrays import Array
from evaluator.files import TableFile
from evaluator.reading import Opened, make_book


@dataclass(frozen=True, slots=True)
class NoRows:
    """A table of which nothing but the header is read. ``asked``: the columns that would be, as ``read`` takes them."""

    file: TableFile
    asked: dict[str, bool]

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def header(self) -> Sequence[str]:
        return self.file.header

    @property
    def long(self) -> bool:
        return False

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        self.asked.update(names)
        return self.file.without_rows(names)

    def faithful(self, name: str) -> Array:
        return self.file.without_rows([name])[name]

    def batches(self, names: Sequence[str], rows: int) -> Iterator[dict[str, Array]]:
        return iter(())

    def without_rows(self, names: Iterable[str]) -> dict[str, Array]:
        return self.file.without_rows(names)

    def rows_about(self) -> int:
        return self.file.rows_about()

    def lines(self, rows: Sequence[int]) -> list[int]:
        return self.file.lines(rows)


@dataclass(frozen=True, slots=True)
class OnlyKeys(NoRows):
    """A table of which keys and links are read, and nothing else: enough to tell what is wrong with its rows."""

    keys: frozenset[str]

    def read(self, names: Mapping[str, bool]) -> dict[str, Array]:
        found = self.file.read({n: number for n, number in names.items() if n in self.keys})
        rows = len(next(iter(found.values()))) if found else 0
        types = {n: a.type for n, a in self.file.without_rows(names).items()}
        return {n: found[n] if n in found else pa.chunked_array([pa.nulls(rows, types[n])]) for n in names}

    def faithful(self, name: str) -> Array:
        return self.file.faithful(name)


def tell(opened: Opened, policy: Policy) -> None:
    """Raises SnapshotError with all faults of structure, the same as without parts. Keys and links are read."""
    lean = {}
    for entity, file in opened.files.items():
        inputs = policy.entities[entity].given.values()
        columns = {entity, *(i.name for i in inputs if i.type.kind is Kind.LINK)}
        lean[entity] = OnlyKeys(file, {}, frozenset(opened.names[entity].get(c, c) for c in columns))
    layout = replace(opened.layout, problems=list(opened.layout.problems))
    make_book(policy, layout, opened.as_of, lean, opened.names, None)
