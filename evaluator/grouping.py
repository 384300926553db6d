"""Forms the rows of groups from the book: one for each combination of keys, in the order of first appearance.

A group's table and the links of its members are put into the book once, before anything else is computed; from there on
a group is an entity like any other. A row whose key is unknown is nobody's known member: it stands in a group of its
own, with those that are unknown for the same reason, and every group that agrees with it in the keys that are known
may lack it, so that what such groups make of their members is unknown too (``MEMBERS``).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from math import isinf

import numpy as np
import pyarrow as pa

from dsl.model import MEMBERS, Exact, Kind, Policy, Type, Value
from dsl.records import dataclass
from dsl.text import decimal_text
from dsl.units import terminates
from evaluator.book import Book, BookTable
from evaluator.columns import KNOWN, Column, Values
from evaluator.context import Context
from evaluator.exact import Approximate, compare
from evaluator.literals import iso
from evaluator.lower import lower_keys
from evaluator.origins import describe_origin
from evaluator.places import Result
from evaluator.plan import plan
from evaluator.reference import Reference
from evaluator.runner import Runner, infinite_inputs
from evaluator.settle import Exactly
from evaluator.texts import Texts
from evaluator.vector import Codes, Flags, Vector, tidy

_LARGEST = 2**62
_PLAIN = re.compile(r'[^/"\\?\x00-\x1f]+')  # a part of a key that stands as it is


def with_groups(policy: Policy, book: Book, params: Mapping[str, Value]) -> Book:
    """The book with the table of every group, and every member's link to its group."""
    for name in policy.groups:
        book = _Group(policy, book, params, name).added()
    return book


@dataclass(frozen=True, slots=True)
class _Key:
    """One key at every row of the base. ``codes``: (n,) below ``size``, equal where the key is. ``exact``: of numbers
    that floating point can't tell apart, the exact values at the known rows."""

    name: str
    type: Type
    vector: Vector
    codes: Codes
    size: int
    exact: dict[int, Exact] | None


class _Group:
    """One group on its way into the book."""

    def __init__(self, policy: Policy, book: Book, params: Mapping[str, Value], name: str) -> None:
        self.policy, self.book, self.params, self.name = policy, book, params, name
        grouping = policy.entities[name].groups
        assert grouping is not None
        self.base, self.reads = grouping.base, grouping.keys
        self.context = Context(policy, book, book.as_of)

    @cached_property
    def reference(self) -> Reference:
        return Reference(self.policy, self.book, self.params)

    def added(self) -> Book:
        keys = self._keys()
        index, first = _combined([(k.codes, k.size) for k in keys])
        table = self._table(keys, first)
        members = self.book.tables[self.base]
        members = replace(members, columns={**members.columns, self.name: Column(index)})
        return replace(self.book, tables={**self.book.tables, self.base: members, self.name: table})

    # -- keys -------------------------------------------------------------------------------------

    def _keys(self) -> list[_Key]:
        infinite = infinite_inputs(self.policy, self.book)
        nodes = lower_keys(self.policy, self.params, self.book.as_of, infinite, self.name)
        planned = plan(nodes)
        self.context.bounded = planned.bounded
        runner = Runner(self.context, Exactly(self.policy, self.book, self.params, self.context))
        with np.errstate(all="ignore"):
            done = runner.run(planned, None)
        rows = self.book.tables[self.base].rows
        return [self._key(i, done[node.id].full(rows)) for i, node in enumerate(nodes)]

    def _key(self, number: int, vector: Vector) -> _Key:
        name, read = self.reads[number]
        values, exact = vector.values, None
        known = np.ones(len(values), dtype=np.bool_) if vector.quality is None else vector.quality == KNOWN
        if vector.doubt is not None:
            exact = self._exactly(number, np.flatnonzero(vector.doubt & known))
            values = _ranked(exact, len(values))
        codes, size = _dense(values)
        if vector.quality is not None:
            faults, count = _dense(vector.quality[~known])
            codes[~known] = size + faults
            size += count
        return _Key(name, read.type, vector, codes, size, exact)

    def _exactly(self, number: int, rows: Codes) -> dict[int, Exact]:
        """The key at each of the rows, exactly."""
        found = {row: self._cell(number, row) for row in rows.tolist()}
        return {row: value for row, value in found.items() if isinstance(value, Fraction | float)}

    def _cell(self, number: int, row: int) -> Result:
        return self.reference.evaluate(self.reads[number][1], self.base, row)

    # -- rows -------------------------------------------------------------------------------------

    def _table(self, keys: Sequence[_Key], first: Codes) -> BookTable:
        """The group's rows; ``first``: the base row that each was made for."""
        columns: dict[str, Column] = {}
        texts: dict[str, Sequence[str]] = {}
        for key in keys:
            vector = key.vector.at(first, len(key.codes))
            values = vector.values
            if key.exact is not None:
                values = np.array([float(key.exact.get(row, 0)) for row in first.tolist()], dtype=np.float64)
            columns[key.name] = Column(values, tidy(vector.quality))
            if key.type.kind is Kind.TEXT:
                texts[key.name] = list(self.context.texts)
        columns[MEMBERS] = Column(np.ones(len(first), dtype=np.bool_), _lacking(keys, columns, first))
        shown = {k.name: self._parts(k, columns[k.name], first) for k in keys}
        names = Texts(pa.chunked_array([pa.array(_joined(list(shown.values())), pa.string())]))
        rows = first.tolist()

        def written(column: str, row: int) -> str:
            quality = columns[column].quality
            if quality is not None and quality[row] != KNOWN:
                return ""
            return "yes" if column == MEMBERS else shown[column][row]

        def exactly(number: int, row: int) -> Exact:
            value = self._cell(number, rows[row])
            assert isinstance(value, Fraction | float)  # which is infinite
            return value

        numbers = [i for i, key in enumerate(keys) if key.type.kind in (Kind.NUMBER, Kind.DATE)]
        exacts = {keys[i].name: (lambda row, i=i: exactly(i, row)) for i in numbers}
        long = frozenset(key.name for key in keys if key.exact is not None)
        return BookTable(self.name, len(first), names, columns, texts, written, "", (), long, exacts)

    def _parts(self, key: _Key, column: Column, first: Codes) -> list[str]:
        """The key as it stands in the group's own key: a text that another can't be taken for."""
        values, kind = column.values.tolist(), key.type.kind
        match kind:
            case Kind.LINK:
                targets = self.book.tables[key.type.entity].keys
                found = _quoted(list(targets))
                parts = [found[v] if v >= 0 else "" for v in values] if found else [""] * len(values)
            case Kind.TEXT:
                found = _quoted(list(self.context.texts)) or [""]
                parts = [found[v] for v in values]
            case Kind.ENUM:
                parts = [key.type.labels[v] for v in values]
            case Kind.FLAG:
                parts = ["yes" if v else "no" for v in values]
            case Kind.DATE:
                parts = [iso(Fraction(v)).removesuffix("T00:00:00Z") for v in values]
            case _ if key.exact is not None:
                parts = _quoted([_number(key.exact.get(row, Fraction(0))) for row in first.tolist()])
            case _:
                parts = [_number(v) if isinf(v) else repr(v + 0.0).removesuffix(".0") for v in values]
        if column.quality is not None:
            for row in np.flatnonzero(column.quality != KNOWN).tolist():
                origin = describe_origin(self.policy, self.book, int(column.quality[row]))
                parts[row] = "? " + _quoted([origin.text.replace("`", "")])[0]
        return parts


def _quoted(parts: Sequence[str]) -> list[str]:
    return [p if _PLAIN.fullmatch(p) else json.dumps(p, ensure_ascii=False) for p in parts]


def _number(value: Exact) -> str:
    """An exact number: as a decimal where it has an end, else as a fraction; a rounded one to sixty digits."""
    if isinstance(value, float):
        return "infinite" if value > 0 else "-infinite"
    if isinstance(value, Approximate):
        return decimal_text(value, 60)
    return decimal_text(value, 400) if terminates(value.denominator) else str(value)


def _joined(columns: Sequence[Sequence[str]]) -> list[str]:
    return ["/".join(parts) for parts in zip(*columns, strict=True)]


def _ranked(exact: Mapping[int, Exact], rows: int) -> Codes:
    """(rows,) the rank of each exact value; values that can't be told apart have the same."""
    ranks = np.zeros(rows, dtype=np.int64)
    rank, before = 0, None
    for row in sorted(exact, key=lambda r: exact[r]):
        if before is not None and compare(exact[row], before) != 0:
            rank += 1
        ranks[row], before = rank, exact[row]
    return ranks


def _dense(values: Values) -> tuple[Codes, int]:
    """Equal values as equal codes, in the order of first appearance; and how many there are."""
    encoded = pa.array(values + 0.0 if values.dtype == np.float64 else values).dictionary_encode()  # no minus zero
    return np.array(encoded.indices, dtype=np.int64), len(encoded.dictionary)


def _combined(columns: Sequence[tuple[Codes, int]]) -> tuple[Codes, Codes]:
    """(n,) the number of each row's combination, in the order of first appearance; and the first row of each."""
    codes, size = columns[0]
    for more, count in columns[1:]:
        if size * count >= _LARGEST:
            codes, size = _dense(codes)
        codes, size = codes * count + more, size * count
    index, groups = _dense(codes)
    first = np.zeros(groups, dtype=np.int64)
    first[index[::-1]] = np.arange(len(index))[::-1]
    return index, first


def _lacking(keys: Sequence[_Key], columns: Mapping[str, Column], first: Codes) -> Codes | None:
    """(groups,) why a group may lack members: the smallest code of a row that agrees with it in its known keys."""
    qualities = [columns[k.name].quality for k in keys]
    if all(q is None for q in qualities):
        return None
    full = np.array([np.full(len(first), KNOWN) if q is None else q for q in qualities])
    unknown, worst = full != KNOWN, full.min(axis=0)
    found = np.full(len(first), KNOWN, dtype=np.int64)
    for pattern in np.unique(unknown[:, unknown.any(axis=0)], axis=1).T:
        here: Flags = (unknown == pattern[:, None]).all(axis=0)
        shared = [(k.codes[first], k.size) for k, missing in zip(keys, pattern, strict=True) if not missing]
        alike = _combined(shared)[0] if shared else np.zeros(len(first), dtype=np.int64)
        least = np.full(int(alike.max()) + 1, KNOWN, dtype=np.int64)
        np.minimum.at(least, alike[here], worst[here])
        found = np.minimum(found, least[alike])
    return found
