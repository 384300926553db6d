"""Pieces of the report: figures, ranges, scales, histograms, highlighting."""

import re

import numpy as np
import pytest

from cli.report import bins, highlight, scale, words
from cli.report.page import render
from dsl import model
from dsl.source import Source
from tests.report_fixture import ACCOUNTS, PLAIN_TIERS, case
from tests.test_report import COMMAND, Page


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0%"),
        (0.0125, "1.25%"),
        (1.3, "130%"),
        (0.00004, "0.004%"),
        (-0.5, "−50%"),
        (float("inf"), "infinite"),
        (float("nan"), "not a number"),
        (1e12, "100,000,000,000,000%"),
    ],
)
def test_percent(value: float, shown: str) -> None:
    assert words.percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (950, "950"), (50_000, "50k"), (2.5e6, "2.5M"), (3e9, "3bn"), (-1.5e12, "-1.5tn")]
)
def test_compact(value: float, shown: str) -> None:
    assert words.compact(value) == shown


@pytest.mark.parametrize(
    ("domain", "shown"),
    [
        (None, ""),
        (model.Interval(), ""),
        (model.Interval(0, None, True), "> 0%"),
        (model.Interval(0, 2), "0% to 200%"),
        (model.Interval(0, 1, True, True), "> 0% and < 100%"),
    ],
)
def test_interval(domain: model.Interval | None, shown: str) -> None:
    assert words.interval(domain, model.RATIO) == shown


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (0.1, 3, 12, [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3]),
        (-1, 1, 4, [-1, -0.5, 0, 0.5, 1]),
        (5, 5, 4, [5]),
    ],
)
def test_nice_ticks(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert scale.nice(low, high, most) == ticks


def test_logarithmic_scale_holds_what_is_below_it() -> None:
    axis = scale.Scale(10, 1000, 0, 100, log=True)
    assert [round(axis(x)) for x in (0, 10, 100, 1000, 9999)] == [0, 0, 50, 100, 100]
    assert axis.ticks(5) == [10, 100, 1000]


def test_one_bound_at_zero_is_drawn_among_the_rows() -> None:
    low, high = bins.window(np.array([-24_900.0, 3_373.75, 33_220.0]), [0.0])
    assert low <= -24_800 and high >= 33_100


def test_histogram_counts_every_row_once() -> None:
    values = np.array([0.0, 0.5, 1.0, 2.0, 2.5, 9.0, -3.0, np.inf])
    groups = np.array([values <= 1, values > 1])
    found = bins.histogram(values, [0.0, 1.0, 2.5], groups)
    assert found.stacks == ((2, 1), (0, 2))
    assert (found.below, found.above, found.infinite) == (1, 1, 1)
    assert sum(found.heights) + found.below + found.above + found.infinite == len(values)


def test_highlighting_changes_no_character() -> None:
    text = 'table t(x: USD):\t# "not a string"\n  | x >= | "a | b" | 1_000k USD </pre>\n'
    lines = [re.sub("<[^>]*>", "", str(line)) for line in highlight.lines(Source("x", text))]
    unescaped = [x.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"').replace("&amp;", "&") for x in lines]
    assert unescaped == text.splitlines()


def test_a_total_says_what_it_lacks() -> None:
    """The figure at the top, which many read alone, as well as the table below it."""
    text = f"{ACCOUNTS}  notional = cash * 2\n{PLAIN_TIERS}"
    one = case(text, {"account": {"account": ["a", "b", "c"], "cash": ["100", "", "50"]}})
    shown = Page(render(one.evaluation, one.loaded, COMMAND)).words
    assert "notional300300.00 USD + 1 unknown closed100100.00 USD + 1 unknown" in shown
