"""Laws: what holds finds no counterexample, what doesn't is refuted by a small book that replays as a test."""

import json
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

import softliq
from evaluator.laws import LawResult, run_laws
from evaluator.testing import run_tests
from tests.conftest import ROOT, Softliq

FLAGSHIP = ROOT / "policies" / "perpetuals.policy"
HEAD = 'policy "P"\n\nunit USD\n\n'
BOOK = """
entity account:
  cash  : USD
  limit : USD? >= 0
  mark  : USD > 0
  since : date
  side  : one of long, short

  health = if limit ?? 0 > 0 then cash / (limit ?? 0) else infinite
  twice  = 2 * cash
  worse  = 0 - cash
  bent   = abs(cash)
  steep  = clamp(cash * 1bn / 1 USD, 0, 1)
  step   = if cash >= 100 USD then 1 else 0
  root   = sqrt(mark / 1 USD)
  deep   = sqrt(cash / 1 USD)
  age    = as_of - since
  worth  = max(0, twice)
  known_ = known(limit)
"""


def laws(text: str, folder: Path) -> list[LawResult]:
    path = folder / "p.policy"
    path.write_text(text, "utf-8")
    return list(run_laws(softliq.load_policy(path)))


def one(law: str, folder: Path, book: str = BOOK) -> LawResult:
    (found,) = laws(HEAD + book + "\n" + law + "\n", folder)
    return found


HOLD = [
    'always "x" on account: worth >= cash or cash < 0',
    'always "x" on account: cash + cash = twice',
    'always "x" on account: root * root = mark / 1 USD',
    'always "x" on account: side = long or side = short',
    'always "x" on account: limit ?? 0 >= 0',
    'always "x": all(account.mark > 0)',
    'always "x": account.twice increasing in account.cash',
    'always "x": account.worse decreasing in account.cash',
    'always "x": account.bent convex in account.cash',
    'always "x": account.bent continuous in account.cash',
    'always "x": account.root continuous in account.mark',
    'always "x": account.steep continuous in account.cash',  # from 0 to 1 within a billionth of a USD
    'always "x": account.worth increasing in account.twice',
]

BREAK = [
    'always "x" on account: cash >= 0',
    'always "x" on account: cash < 12345 USD or side = long',
    'always "x" on account: known(limit)',
    'always "x" on account: age >= 0s',
    'always "x" on account: health >= 1%',
    'always "x" on account: deep >= 0',  # unknown below zero
    'always "x": count(account) = 0 or share(account.cash >= 0) > 50%',
    'always "x": account.worse increasing in account.cash',
    'always "x": account.bent decreasing in account.cash',
    'always "x": account.root convex in account.mark',
    'always "x": account.step continuous in account.cash',
    'always "x" on account: worth = twice',
]


@pytest.mark.parametrize("law", HOLD)
def test_what_holds_is_never_called_proved(law: str, tmp_path: Path) -> None:
    found = one(law, tmp_path)
    assert (found.verdict, found.counterexample, found.fault) == ("undecided", None, "")
    assert found.tried >= 40


@pytest.mark.parametrize("law", BREAK)
def test_what_is_broken_replays_as_a_test(law: str, tmp_path: Path) -> None:
    text = HEAD + BOOK + "\n" + law + "\n"
    (found,) = laws(text, tmp_path)
    assert found.verdict == "refuted"
    assert found.counterexample is not None and found.counterexample.params == {}
    assert found.counterexample.test.count("\n  given account\n") == found.counterexample.test.count("test ")
    replay(text, found, tmp_path)


def replay(text: str, found: LawResult, folder: Path) -> None:
    """The printed tests, pasted below the policy, pass."""
    assert found.counterexample is not None
    path = folder / "replay.policy"
    path.write_text(text + "\n" + found.counterexample.test, "utf-8")
    ran = list(run_tests(softliq.load_policy(path)))
    assert ran and [r.fault or [f.expectation.span.text for f in r.failures] for r in ran if not r.passed] == []


@pytest.mark.parametrize("law", [law for law in BREAK if '"x" on account: ' in law])
def test_the_law_itself_fails_where_it_is_broken(law: str, tmp_path: Path) -> None:
    """The counterexample's rows pasted, and the law expected of them instead: the test fails for just that."""
    text = HEAD + BOOK + "\n" + law + "\n"
    (found,) = laws(text, tmp_path)
    assert found.counterexample is not None
    rows, expect, _ = found.counterexample.test.partition("  expect account a1: ")
    condition = law.partition('"x" on account: ')[2]
    path = tmp_path / "pasted.policy"
    path.write_text(f"{text}\n{rows}{expect}{condition}\n", "utf-8")
    (ran,) = run_tests(softliq.load_policy(path))
    assert not ran.fault
    assert [f.expected for f in ran.failures] == [condition]


def test_a_param_within_its_range_refutes_too(tmp_path: Path) -> None:
    book = BOOK + "\nparam load : ratio in 0 to 2 = 50%\n"
    found = one('always "x" on account: cash <= 0 or load * cash <= cash', tmp_path, book)
    assert found.verdict == "refuted" and found.counterexample is not None
    assert list(found.counterexample.params) == ["load"]
    assert float(found.counterexample.params["load"].rstrip("%")) > 100


def test_a_variable_that_nothing_moves_alone_is_set_itself(tmp_path: Path) -> None:
    book = BOOK + "\nentity loan:\n  account : account\n  debt : USD\n  load = account.cash - debt\n  cost = load * 2\n"
    law = 'always "x": account.total decreasing in account.debts'
    book = book.replace("  age  ", "  debts  = sum(loan.debt)\n  total  = debts * 2\n  age  ")
    found = one(law, tmp_path, book)
    assert found.verdict == "refuted" and found.counterexample is not None
    assert found.counterexample.test == ""
    assert len(found.counterexample.lines) == 2


def test_functions_and_grids_stand_in_laws(tmp_path: Path) -> None:
    book = BOOK + "\nlet most(x: USD) = if x > 5 USD then x else 5 USD\n\ngrid fall:\n  move in 0% to 20% by 10%\n"
    book += "  account.mark becomes mark * (1 - move)\n"
    for law, verdict in [
        ("most(cash) >= 5 USD", "undecided"), ("min(most(mark - 1 USD) over fall) <= most(cash)", "refuted"),
        ("min(mark over fall) < mark", "undecided"), ("all(account.cash > most(account.mark))", "refuted"),
    ]:  # fmt: skip
        on = "" if "all(" in law else " on account"
        assert one(f'always "x"{on}: {law}', tmp_path, book).verdict == verdict, law


def test_the_same_books_each_time(tmp_path: Path) -> None:
    first, again = (one(BREAK[1], tmp_path) for _ in range(2))
    assert first.counterexample == again.counterexample


def test_the_flagship_keeps_its_laws_and_a_fee_on_notional_does_not(tmp_path: Path) -> None:
    text = FLAGSHIP.read_text("utf-8")
    assert [r.verdict for r in laws(text, tmp_path)] == ["undecided", "undecided"]
    worse = text.replace("- fee * maintenance)", "- fee * sum(position.notional))")
    assert worse != text
    hurts, fee = laws(worse, tmp_path)
    assert (hurts.verdict, fee.verdict) == ("refuted", "undecided")
    assert hurts.counterexample is not None
    assert len(hurts.counterexample.test.splitlines()) <= 16
    replay(worse, hurts, tmp_path)


def test_the_command_says_so(softliq: Softliq, tmp_path: Path) -> None:
    path, junit = tmp_path / "p.policy", tmp_path / "j.xml"
    path.write_text(HEAD + BOOK + f"\n{HOLD[1]}\n{BREAK[0]}\n", "utf-8")
    ran = softliq("test", str(path), "--junit", str(junit))
    assert ran.code == 1
    assert "undecided, no counterexample among" in ran.out and "x: refuted" in ran.out
    assert '\ntest "against the law: x":\n' in ran.out
    assert "0 passed, 1 failed, 1 undecided" in ran.out
    assert [c.find("failure") is None for c in xml.parse(junit).getroot()] == [True, False]
    data = json.loads(softliq("test", str(path), "--format", "json").out)
    assert [d["verdict"] for d in data["laws"]] == ["undecided", "refuted"]
    path.write_text(HEAD + BOOK + f"\n{HOLD[1]}\n", "utf-8")
    assert softliq("test", str(path)).code == 0
