"""The report as text: its structure, what it escapes, what it says, and that it is the same bytes each time."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from cli.report import words
from cli.report.asked import Asked
from cli.report.page import render
from cli.terminal.text import safe
from tests.report_fixture import ACCOUNTS, HOSTILE, PLAIN_TIERS, Case, case, every_shape, plain

COMMAND = "softliq report 'a <b>.policy' book -o \"x.html\""
SOLVED = """policy "Solved"
unit USD
entity account:
  cash : USD
  debt : USD >= 0
  gone = solve(cash until cash <= debt)
"""
VOID = {"meta", "input", "br", "img", "link"}


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text of each kind of element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.inside: dict[str, str] = {}
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attributes}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, (self.open[-3:], tag, self.getpos())
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            self.inside[self.open[-1]] = self.inside.get(self.open[-1], "") + data
        else:
            self.text.append(data)

    def tags(self, tag: str) -> list[dict[str, str]]:
        return [attributes for found, attributes in self.elements if found == tag]

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


@pytest.fixture(scope="module")
def every() -> Case:
    return every_shape()


@pytest.fixture(scope="module")
def html(every: Case) -> str:
    return render(every.evaluation, every.loaded, COMMAND)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


# -- the file ---------------------------------------------------------------------------------


def test_same_inputs_give_the_same_bytes(html: str) -> None:
    again = every_shape()
    assert render(again.evaluation, again.loaded, COMMAND) == html


def test_every_element_is_closed(page: Page) -> None:
    assert page.open == []


@pytest.mark.parametrize("tag", ["style", "script"])
def test_policy_of_the_page_allows_its_own_style_and_script_by_hash(page: Page, tag: str) -> None:
    rules = next(m["content"] for m in page.tags("meta") if m.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(page.inside[tag].encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{digest}'" in rules
    assert rules.startswith("default-src 'none'") and "unsafe" not in rules
    assert len(page.tags(tag)) == 1


def test_nothing_is_requested_and_nothing_runs_from_an_attribute(page: Page) -> None:
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("src", "srcset", "style", "xlink:href"), (tag, name)
            if name == "href":
                assert value.startswith("#")
            if name not in ("data-v", "aria-label"):
                assert "//" not in value, (tag, name, value)
    assert "url(" not in page.inside["style"].replace("url(#hatch)", "")
    assert "@import" not in page.inside["style"]
    assert not {"img", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}


def test_no_character_hides_or_turns_the_text(html: str) -> None:
    assert [c for c in html if c != "\n" and c != safe(c)] == []


def test_ids_are_unique_and_every_reference_leads_somewhere(page: Page) -> None:
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = [r for _, a in page.elements for r in a.get("aria-labelledby", "").split()]
    wanted += [a["href"][1:] for a in page.tags("a")]
    assert set(wanted) <= set(ids)


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_drawings_have_names_and_scrolling_boxes_take_the_focus(page: Page) -> None:
    drawings = [a for a in page.tags("svg") if a.get("aria-hidden") != "true"]
    assert len(drawings) >= 10
    assert all(a["role"] == "img" and a["aria-labelledby"] for a in drawings)
    boxes = [a for tag, a in page.elements if tag == "div" and "scroll" in a.get("class", "").split()]
    assert boxes and all(a["tabindex"] == "0" and a["aria-label"] for a in boxes)


# -- hostile names ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text(name: str) -> None:
    one = case(f"{ACCOUNTS}\n{PLAIN_TIERS}", {"account": {"account": [name, "b"], "cash": ["5", ""]}})
    shown = Page(render(one.evaluation, one.loaded, COMMAND))
    assert len(shown.tags("script")) == 1 and not shown.tags("b")
    expected = words.name(name).replace("`", "")
    assert " ".join(expected.split()) in shown.words.replace("`", "")


def test_policy_text_is_only_text(page: Page, every: Case) -> None:
    assert page.words.count("<script>alert(1)</script>") >= 2
    assert "{{ 7 * 7 }}" in page.words
    source = every.loaded.sources[0].source.text
    for line in source.splitlines():
        assert " ".join(line.split()) in page.words


# -- what it says -----------------------------------------------------------------------------

PASSES = 'check "cash" on account: cash >= 0\n'
FAILS = 'check "rich" on account: cash >= 1000 USD\n'
WARNS = 'check warn "rich" on account: cash >= 1000 USD\n'
WHOLE = 'check "few shut": share(account.tier = shut) <= 10%\n'


@pytest.mark.parametrize(
    ("cash", "checks", "allowed", "state", "said"),
    [
        (["200", "300"], PASSES, 0, "pass", "Every check holds and every row is known"),
        (["200", "300"], "", 0, "pass", "No check is stated and every row is known"),
        (["200", "300"], FAILS, 0, "fail", "1 check of 1 did not pass"),
        (["200", "2000", "300"], FAILS, 0, "fail", "fails for 2 of 3 accounts"),
        (["200", "300"], PASSES + WARNS, 0, "attention", "Every binding check holds; 1 warning"),
        (["200", "300"], PASSES + WARNS, 0, "attention", "Passed with reservations"),
        (["200", ""], "", 0, "attention", "Not settled"),
        (["200", ""], "", 0, "attention", "1 unknown row"),
        (["200", ""], "", 1, "pass", "No check is stated"),
        (["200", ""], PASSES, 1, "fail", "is unknown for 1 of 2 accounts"),
        (["200", "30", "40"], WHOLE, 0, "fail", "is 66.67%, not <= 10%"),
        ([], PASSES, 0, "attention", "Every binding check holds; no account to decide"),
        ([], "", 0, "attention", "No account to decide"),
    ],
)
def test_verdict(cash: list[str], checks: str, allowed: int, state: str, said: str) -> None:
    one = plain(cash, checks)
    shown = Page(render(one.evaluation, one.loaded, COMMAND, allowed))
    verdict = next(a for tag, a in shown.elements if tag == "section")
    assert verdict["class"] == f"verdict {state}"
    assert said in shown.words


@pytest.mark.parametrize(
    "said",
    [
        "version 1.5",
        "effective 2026-01-01",
        "2026-12-01T00:00:00Z",
        "From calm to grave",
        "115% overridden",
        "115% (floor_health)",
        "2% from 2026-01-01",
        "3% from 2026-06-01",
        "Where the last soft step begins",
        "curve, smooth, extended outside",
        "curve, logarithmic, flat outside",
        "curve, step, flat outside",
        "curve, by formula",
        "It goes by several numbers",
        "stale: market.price of STALE",
        "not a number: market.price of LOST is nonsense",
        "softliq report 'a <b>.policy' book -o \"x.html\"",
    ],
)
def test_says(page: Page, said: str) -> None:
    assert said in page.words


def test_a_policy_without_tiers_has_no_section_for_them_and_shows_solves_as_written() -> None:
    one = case(SOLVED, {"account": {"account": ["a", "b"], "cash": ["50", "80"], "debt": ["40", "90"]}})
    page = render(one.evaluation, one.loaded, "softliq report")
    assert "Tiers</h2>" not in page
    assert "solve(cash until cash &lt;= debt)" in page
    assert "solve.0" not in page


def test_hashes_of_the_policy_and_its_rows_are_printed(page: Page, every: Case) -> None:
    assert every.loaded.sources[0].sha256 in page.words
    assert "5 market rows, 60 account rows, 180 position rows" in page.words


def test_drawings_count_the_arguments_of_every_call(every: Case) -> None:
    book, asked = every.evaluation.book, Asked(every.evaluation)
    links = book.tables["position"].columns["market"].values
    volatility = book.tables["market"].columns["volatility"].values[links]
    assert sorted(asked.values("logs")) == sorted(np.maximum(volatility, 0.01))
    health = every.evaluation.column("account", "health")
    known = health.values[health.known()]
    assert sorted(asked.values("soft")) == sorted(known)
    assert sorted(asked.values("formula")) == sorted(np.clip(known[np.isfinite(known)], 0, 3))


def test_drawings_of_a_table_take_the_rows_that_its_names_pick(every: Case) -> None:
    notional = every.evaluation.column("position", "notional")
    markets = every.evaluation.book.tables["position"].columns["market"].values
    names = [("BTC",), ("<script>alert(3)</script>",), (None,)]
    found = Asked(every.evaluation).by_rows(every.evaluation.policy.tables["brackets"], 1, [0], names)
    for number, values in enumerate(found):
        wanted = notional.known() & ((markets == number) if number < 2 else (markets >= 2))
        assert sorted(values) == sorted(notional.values[wanted])


def test_the_worst_accounts_are_the_lowest_first(page: Page, every: Case) -> None:
    column = every.evaluation.column("account", "health")
    known = np.flatnonzero(column.known())
    order = known[np.argsort(column.values[known], kind="stable")][:20]
    keys = [words.name(every.evaluation.book.tables["account"].keys[i]) for i in order]
    listed = page.words.split("The worst accounts")[1].split("Curves and tables")[0]
    places = [listed.find(" ".join(key.split())[:40]) for key in keys]
    assert -1 not in places and places == sorted(places)


@pytest.mark.parametrize(
    ("tiers", "calm", "grave"),
    [
        ("  | cash >= 100 USD | fine | 0% |\n  | other | shut | 100% |", "fine", "shut"),
        ("  | cash < 100 USD | shut | 100% |\n  | other | fine | 0% |", "fine", "shut"),
    ],
)
def test_tiers_by_conditions_are_coloured_by_what_they_close(tiers: str, calm: str, grave: str) -> None:
    rows = f"tiers account:\n  | when | tier | close |\n{tiers}\n  | unknown | hold | 0% |\n"
    one = plain(["5", "200", "300"], tiers=rows)
    html = render(one.evaluation, one.loaded, COMMAND)
    assert f'<span class="chip s0">{calm}</span>' in html
    assert f'<span class="chip s8">{grave}</span>' in html
    assert html.index('class="key">a0') < html.index('class="key">a1') < html.index('class="key">a2')


def test_a_big_book_and_a_long_table_stay_small() -> None:
    rows = "".join(f"  | M{i} | 0 | {i % 50 / 10}% |\n" for i in range(3000))
    text = (
        'policy "Long"\n\nunit USD\n\nentity account:\n  market : text\n  cash : USD\n\n'
        f"  fee = rates(market, max(cash, 0))\n\ntable rates(market: text, cash: USD):\n"
        f"  | market = | cash >= | rate |\n{rows}  | other | 0 | 1% |\n\n{PLAIN_TIERS}"
    )
    number = 100_000
    one = case(
        text,
        {
            "account": {
                "account": [f"a{i}" for i in range(number)],
                "market": [f"M{i * 7 % 4000}" for i in range(number)],
                "cash": [str(i % 977) for i in range(number)],
            }
        },
    )
    html = render(one.evaluation, one.loaded, COMMAND)
    assert len(html.encode()) < 1_000_000
    assert "100,000 account rows" in Page(html).words
    assert "3,001 rows, the first 200 listed" in html
