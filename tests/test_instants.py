"""Dates at the ends of the calendar: what is no date of the years 1 to 9999 is told, and nothing breaks."""

import json
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evaluator.exact_dates import DATES
from evaluator.literals import instant, iso
from tests.conftest import Softliq

POLICY = """policy "Dates"
unit USD
entity account:
  opened : date
  later  = opened + 5_000_000d
  again  = opened + 30d
"""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0001-01-01", -62_135_596_800),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
        ("0001-01-01T00:00+14:00", None),
        ("9999-12-31T23:59-14:00", None),
        ("9999-12-31T23:59:59.999999Z", Fraction(253_402_300_799_999_999, 10**6)),
        ("9999-12-31T23:59:59.9999999Z", None),
    ],
)
def test_the_calendar_has_ends(softliq: Softliq, mine: Path, text: str, seconds: Fraction | None) -> None:
    assert instant(text) == seconds
    ran = softliq("eval", mine / "my.policy", mine / "snapshot", "--as-of", text)
    assert (ran.code, "is not a date" in ran.err) == ((2, True) if seconds is None else (0, False))


@given(st.integers(-(10**13), 10**13))
@example(253_402_300_800)
@example(-62_135_596_801)
def test_any_second_has_a_day(seconds: int) -> None:
    shown = iso(Fraction(seconds))
    year, month, day = shown[:-16], int(shown[-15:-13]), int(shown[-12:-10])
    if -62_135_596_800 <= seconds < 253_402_300_800:
        assert (year[:1].isdigit(), instant(shown)) == (True, seconds)
        assert (int(year), month, day) == tuple(DATES[part](Fraction(seconds)) for part in ("year", "month", "day"))
    else:
        assert year[0] in "+-" and instant(shown) is None
        eras = (int(year) - 2000) // 400  # after 400 years the calendar begins anew
        within = datetime.fromtimestamp(seconds - eras * 146_097 * 86_400, UTC)
        assert (int(year) - 400 * eras, month, day) == (within.year, within.month, within.day)


def test_dates_that_no_file_can_hold(softliq: Softliq, tmp_path: Path) -> None:
    """They are shown, and in files they are unknown: too large."""
    (tmp_path / "dates.policy").write_text(POLICY)
    (tmp_path / "account.csv").write_text("account,opened\na,2026-12-01\nb,-0001-01-01\n")
    command = ("eval", tmp_path / "dates.policy", tmp_path, "--allow-unknown", "100%", "--out")
    for format in ("json", "csv", "parquet"):
        assert softliq(*command, tmp_path / format, "--format", format).code == 0
    a, b = json.loads((tmp_path / "json" / "account.json").read_text())
    assert (a["later"], a["later_cause"]) == (None, "too large, or infinite")
    assert (b["later"], b["later_cause"], a["again"]) == (None, "not a number", "2026-12-31T00:00:00Z")
    table = pq.read_table(tmp_path / "parquet" / "account.parquet")
    assert table["later"].to_pylist() == [None, None]
    assert table["later_cause"].to_pylist() == ["too large, or infinite", "not a number"]
    assert "later = +15716-06-14T00:00:00Z" in softliq("explain", tmp_path / "dates.policy", tmp_path, "account:a").out


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1_764_547_200_000, 1_764_547_200], pa.timestamp("s")),  # milliseconds, taken for seconds
        pa.array([-(10**17), 1_764_547_200 * 10**6], pa.timestamp("us")),
        pa.array([10**8, 20_423], pa.date32()),
    ],
    ids=str,
)
def test_dates_of_another_unit_are_no_dates(softliq: Softliq, tmp_path: Path, array: pa.Array) -> None:
    (tmp_path / "dates.policy").write_text(POLICY)
    pq.write_table(pa.table({"account": ["a", "b"], "opened": array}), tmp_path / "account.parquet", version="2.6")
    ran = softliq("explain", tmp_path / "dates.policy", tmp_path, "account:a")
    assert (ran.code, "again = unknown" in ran.out) == (0, True)
    ran = softliq("explain", tmp_path / "dates.policy", tmp_path, "account:b")
    assert (ran.code, "again = 2025-12-31" in ran.out) == (0, True)
