"""The parse table: made from `grammar.lark` by Lark, kept as JSON, and never out of step with the grammar.

A wheel holds it, so that an installed softliq does not load Lark. In a checkout it lies where Python keeps the modules'
compiled code, and is made anew when the grammar changes. It is plain data, and what
does not fit the grammar is not used.
"""

import gc
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from dsl.records import dataclass

GRAMMAR = Path(__file__).with_name("grammar.lark")
PACKAGED = GRAMMAR.with_suffix(".json")
RULES = ("statement", "member", "dated", "becomes", "grid_line", "test_line", "header", "value", "cell")
END = "$END"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """``name``: the builder's method. ``single``: a lone part stands for the whole. ``spread``: which parts are lists
    of parts to put in place of themselves; ``parts``: the rule itself is such a list."""

    name: str
    origin: str
    size: int
    single: bool
    parts: bool
    spread: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """LALR(1). ``states``: by symbol, the next state, or below zero the complement of the rule to reduce by."""

    terminals: dict[str, str]  # a keyword's or symbol's text to its name
    rules: tuple[Rule, ...]
    states: tuple[dict[str, int], ...]
    starts: dict[str, int]
    ends: dict[str, int]


def load_table() -> Table:
    """The table of the grammar as it stands: read where somebody has made it, else made, and kept where that works."""
    grammar = GRAMMAR.read_text("utf-8")
    wanted = _stamp(grammar)
    cached = Path(cache_from_source(str(GRAMMAR))).with_suffix(".json")
    for path in (PACKAGED, cached):
        if (found := _read(path, wanted)) is not None:
            return found
    data = make_table(grammar)
    if not sys.dont_write_bytecode:
        _keep(cached, data)
    return _table(data)


def _stamp(grammar: str) -> str:
    return hashlib.sha256(f"{_FORMAT} {' '.join(RULES)}\n{grammar}".encode()).hexdigest()


def _read(path: Path, stamp: str) -> Table | None:
    try:
        data = json.loads(path.read_bytes())
        return _table(data) if data["stamp"] == stamp else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _table(data: dict[str, Any]) -> Table:
    rules = tuple(
        Rule(name, origin, size, single, parts, tuple(spread))
        for name, origin, size, single, parts, spread in data["rules"]
    )
    return Table(data["terminals"], rules, tuple(data["states"]), data["starts"], data["ends"])


def _keep(path: Path, data: dict[str, Any]) -> None:
    """Writes the whole file or none; a folder that can't be written to is no fault."""
    try:
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(data), "utf-8")
        beside.replace(path)
    except OSError:
        return


def make_table(grammar: str) -> dict[str, Any]:
    """The table as plain data, from the grammar's text. Only here is Lark needed."""
    from lark import Lark
    from lark.grammar import Rule as LarkRule
    from lark.lexer import Lexer, TerminalDef

    class Tokens(Lexer):
        """Stands where Lark wants a lexer: the words of a line are read by `tokens.py`."""

        def __init__(self, configuration: Any) -> None:
            pass

        def lex(self, lexer_state: Any, parser_state: Any = None) -> Iterator[Any]:
            raise NotImplementedError

    collecting = gc.isenabled()
    gc.disable()  # building makes many small objects and no garbage: a third of the time
    try:
        lark = Lark(
            grammar, parser="lalr", lexer=Tokens, start=list(RULES), keep_all_tokens=True, maybe_placeholders=False
        )
    finally:
        if collecting:
            gc.enable()
    data, memo = lark.memo_serialize([TerminalDef, LarkRule])
    table = data["parser"]["parser"]
    numbers = {key: i for i, key in enumerate(k for k, made in memo.items() if made["__type__"] == "Rule")}
    symbols = table["tokens"]
    states = [
        {symbols[s]: ~numbers[argument["@"]] if reduces else argument for s, (reduces, argument) in found.items()}
        for _, found in sorted(table["states"].items())
    ]
    assert sorted(table["states"]) == list(range(len(states)))
    return {
        "stamp": _stamp(grammar),
        "terminals": {t.pattern.value: t.name for t in lark.terminals if t.pattern},
        "rules": [_rule(memo[key]) for key in numbers],
        "states": states,
        "starts": table["start_states"],
        "ends": table["end_states"],
    }


def _rule(made: dict[str, Any]) -> list[Any]:
    """A rule as Lark serialises it, as the fields of ``Rule``."""
    origin, alias, expansion = made["origin"]["name"], made["alias"], made["expansion"]
    spread = [i for i, x in enumerate(expansion) if x["__type__"] == "NonTerminal" and x["name"].startswith("_")]
    single = bool(made["options"]["expand1"] and not alias)
    return [alias or origin, origin, len(expansion), single, origin.startswith("_"), spread]
