"""The parser of one line: runs the table over tokens and calls the builder as each rule completes."""

from collections.abc import Callable, Sequence
from typing import Any

from dsl.table import END, Rule, Table
from dsl.tokens import Token

Build = Callable[[list[Any]], Any]


class Unexpected(Exception):
    """``index``: the token that does not fit, or their number where the line ends early; ``accepts``: what would."""

    def __init__(self, index: int, accepts: set[str]) -> None:
        super().__init__(index)
        self.index = index
        self.accepts = accepts


class Parser:
    """``builder`` has a method for each rule that is more than its only part."""

    def __init__(self, table: Table, builder: object) -> None:
        self.table = table
        self.builds = [None if rule.parts else _build(rule, builder) for rule in table.rules]

    def parse(self, start: str, tokens: Sequence[Token]) -> Any:
        """What the builder makes of a line; each token's ``type`` names its terminal. Raises ``Unexpected``."""
        table, rules, builds = self.table.states, self.table.rules, self.builds
        end = self.table.ends[start]
        states: list[int] = [self.table.starts[start]]
        values: list[Any] = []
        for index in range(len(tokens) + 1):
            token = tokens[index] if index < len(tokens) else None
            symbol = END if token is None else token.type
            while True:
                action = table[states[-1]].get(symbol)
                if action is None:
                    raise Unexpected(index, self._accepts(states, end))
                if action >= 0:
                    states.append(action)
                    values.append(token)
                    break
                rule, build = rules[~action], builds[~action]
                parts: list[Any] = []
                if rule.size:
                    parts = values[-rule.size :]
                    del states[-rule.size :], values[-rule.size :]
                if rule.spread:
                    parts = _spread(parts, rule.spread)
                states.append(table[states[-1]][rule.origin])
                values.append(parts if build is None else build(parts))
                if token is None and states[-1] == end:
                    return values[-1]
        raise AssertionError("a line ends with its end")

    def _accepts(self, states: list[int], end: int) -> set[str]:
        """The terminals that could stand next: those that lead to a shift, whatever is reduced before."""
        found = set()
        for symbol in self.table.states[states[-1]]:
            if symbol.isupper() and self._fits(list(states), symbol, end):
                found.add(symbol)
        return found

    def _fits(self, states: list[int], symbol: str, end: int) -> bool:
        while (action := self.table.states[states[-1]].get(symbol)) is not None:
            if action >= 0:
                return True
            rule = self.table.rules[~action]
            if rule.size:
                del states[-rule.size :]
            states.append(self.table.states[states[-1]][rule.origin])
            if symbol == END and states[-1] == end:
                return True
        return False


def _build(rule: Rule, builder: object) -> Build:
    method: Build | None = getattr(builder, rule.name, None)
    if not rule.single:
        assert method is not None, f"the builder has no `{rule.name}`"
        return method

    def single(parts: list[Any]) -> Any:
        if len(parts) == 1:
            return parts[0]
        assert method is not None, rule.name
        return method(parts)

    return single


def _spread(parts: list[Any], places: tuple[int, ...]) -> list[Any]:
    found: list[Any] = []
    for i, part in enumerate(parts):
        if i in places:
            found += part
        else:
            found.append(part)
    return found
