"""The parser of lines against Lark's own, over every policy here; and how the work grows with the text."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, UnexpectedToken
from lark.lexer import Lexer

from dsl.check import check
from dsl.diagnostics import Diagnostics
from dsl.lalr import Parser, Unexpected
from dsl.parse import engine, parse
from dsl.source import Source
from dsl.table import END, GRAMMAR, RULES

ROOT = Path(__file__).resolve().parent.parent
POLICIES = sorted([*ROOT.glob("policies/**/*.policy"), *ROOT.glob("tests/cases/**/*.policy")])


class Tokens(Lexer):
    def __init__(self, configuration: Any) -> None:
        pass

    def lex(self, lexer_state: Any, parser_state: Any = None) -> Iterator[Any]:
        return iter(lexer_state)


class Both:
    """Parses with ours and with Lark's, and compares what they make of a line or how they refuse it."""

    def __init__(self, ours: Parser, builder: object) -> None:
        self.ours = ours
        self.theirs = Lark(
            GRAMMAR.read_text("utf-8"), parser="lalr", lexer=Tokens, start=list(RULES), keep_all_tokens=True,
            maybe_placeholders=False, transformer=builder,
        )  # fmt: skip
        self.lines = self.refused = 0

    def parse(self, start: str, tokens: list[Any]) -> Any:
        self.lines += 1
        try:
            expected = self.theirs.parse(tokens, start=start)
        except UnexpectedToken as error:
            at = len(tokens) if error.token.type == END else [t is error.token for t in tokens].index(True)
            with pytest.raises(Unexpected) as refused:
                self.ours.parse(start, tokens)
            assert (refused.value.index, refused.value.accepts) == (at, set(error.accepts))
            self.refused += 1
            raise refused.value from None
        got = self.ours.parse(start, tokens)
        assert got == expected
        return got


def test_every_line_is_read_as_lark_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Both(engine().parser, engine().builder)
    monkeypatch.setattr(engine(), "parser", both)
    for path in POLICIES:
        parse(Source(path.name, path.read_text("utf-8", "replace")), Diagnostics())
    assert both.lines > 3000
    assert both.refused > 40


# -- growth -----------------------------------------------------------------------------------


def large(lines: int) -> str:
    """A policy of about that many lines: params, functions, formulas, checks, tiers, and a table of half of them."""
    draw, few = random.Random(1), lines // 50
    text = ['policy "Large"', "unit USD"]
    text += [f"param p{i} : ratio in {draw.randint(1, 5)}0% to 200% = 100%" for i in range(few)]
    text += [f"let g{i}(x: ratio) = 1 + p{i} * max(0, x / {draw.randint(2, 9)}0% - 1)" for i in range(few)]
    text += ["entity market:", "  unit asset", "  mark : USD/asset > 0", "  volatility : ratio in 0% to 500%"]
    text += [f"  m{i} = {f'm{i - 1}' if i else 'volatility'} * 2 + g{i % few}(volatility)" for i in range(lines // 10)]
    text += ["entity account:", "  cash : USD", "  equity = cash + sum(position.size * position.market.mark)"]
    text += ["  margin = sum(position.margin)", "  health = if margin > 0 then equity / margin else infinite"]
    text += [
        f"  a{i} = if health < {100 + i}% then min(equity, margin * p{i % few}) else cash" for i in range(lines // 10)
    ]
    text += ["entity position:", "  account : account", "  market : market", "  size : market.asset"]
    text += ["  notional = abs(size) * market.mark"]
    text += ["  margin = brackets.rate(market, notional) * notional - brackets.amount(market, notional)"]
    text += [f"  q{i} = notional * p{i % few} + brackets.rate(market, notional) * 1 USD" for i in range(lines // 10)]
    text += ["table brackets(market, notional: USD):", "  | market = | notional >= | rate | amount continuous : USD |"]
    for i in range(lines // 4):
        text += [f"  | M{i} | 0 | 1% | 0 |", f"  | M{i} | 10k | 2% | 100 |"]
    text += ["tiers account:", "  | health >= | tier | close |"]
    text += [f"  | {100 + lines - i}% | t{i} | {i % 100}% |" for i in range(lines // 20)]
    text += ["  | other | shut | 100% |", "  | unknown | hold | 0% |"]
    text += [f'check "c{i}" on account: a{i} >= -{i}k USD' for i in range(few)]
    return "\n".join(text) + "\n"


def calls(text: str) -> int:
    """How many calls of functions parsing and checking take: a count, which no other work on the machine changes."""
    import sys

    count = 0

    def counted(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    report = Diagnostics()
    source = Source("large.policy", text)
    sys.setprofile(counted)
    try:
        policy = check(parse(source, report), report)
    finally:
        sys.setprofile(None)
    assert policy is not None, report.found[:2]
    return count


def test_the_work_grows_as_the_text_does() -> None:
    engine()
    small, four_times = calls(large(400)), calls(large(1600))
    assert 3 < four_times / small < 4.6
