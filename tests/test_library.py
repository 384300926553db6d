"""The shipped library from outside: it is listed, it can be started from, and its gallery is what the policies say."""

import json
import sys
from pathlib import Path

import pytest

from cli.library import find, first_sentence, shipped
from tests.conftest import ROOT, Softliq

LIBRARY = list(shipped())
sys.path.append(str(ROOT / "docs"))


def named(one) -> str:
    return one.name


def test_every_policy_is_listed_once_with_a_line(softliq: Softliq) -> None:
    ran = softliq("gallery", "--format", "json")
    rows = json.loads(ran.out)
    names = [row["name"] for row in rows]
    files = [p.stem for p in (ROOT / "policies").rglob("*.policy") if p.parent.name != "std"]
    assert sorted(names) == sorted(files) and len(set(names)) == len(names)
    assert all(row["title"] and row["line"] for row in rows)
    assert names[0] == "perpetuals"


def test_the_list_shows_the_names_and_how_to_go_on(softliq: Softliq) -> None:
    ran = softliq("gallery")
    assert (ran.code, ran.err) == (0, "")
    assert all(any(line.startswith(f"{one.name} ") for line in ran.out.splitlines()) for one in LIBRARY)
    assert ran.out.splitlines()[-1] == "start from one of them with `softliq new DIR --from NAME`"


@pytest.mark.parametrize("one", [s for s in LIBRARY if s.book], ids=named)
def test_a_copy_runs_where_it_stands(one, softliq: Softliq, tmp_path: Path) -> None:
    folder = tmp_path / "risk"
    ran = softliq("new", folder, "--from", one.name)
    assert (ran.code, ran.err) == (0, "")
    policy, snapshot = folder / f"{one.name}.policy", folder / "snapshot"
    assert softliq("check", policy).code == 0
    assert softliq("eval", policy, snapshot, "--allow-unknown", "100%").code == 0
    row = next(line for line in ran.out.splitlines() if line.startswith("  softliq explain ")).split()[-1]
    assert softliq("explain", policy, snapshot, row).code == 0


def test_a_copy_brings_the_tables_that_it_reads(softliq: Softliq, tmp_path: Path) -> None:
    assert softliq("new", tmp_path / "risk", "--from", "binance_usdm.policy").code == 0
    assert (tmp_path / "risk" / "binance_usdm_brackets.csv").exists()


def test_a_name_that_there_is_not(softliq: Softliq, tmp_path: Path) -> None:
    ran = softliq("new", tmp_path / "risk", "--from", "perpetual")
    assert ran.code == 2
    assert ran.err == (
        "error: there is no shipped policy `perpetual`\nhelp: did you mean `perpetuals`? `softliq gallery` lists them\n"
    )
    assert not (tmp_path / "risk").exists()
    assert softliq("new", tmp_path / "risk", "--from", "../secrets").code == 2
    assert find("nothing like it at all") is None


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One"),
        ("Since release 3.3 it is so. Source: x", "Since release 3.3 it is so"),
        ("No stop", "No stop"),
        ("", ""),
    ],
)
def test_the_first_sentence(text: str, first: str) -> None:
    assert first_sentence(text) == first


@pytest.mark.parametrize("one", LIBRARY, ids=named)
def test_its_page_in_the_gallery_is_current(one) -> None:
    import gallery_pages

    for file, text in gallery_pages.page(one).items():
        path = ROOT / "docs" / "gallery" / file
        assert path.exists() and path.read_text("utf-8") == text, f"docs/gallery/{file} is stale; run `make docs`"


def test_the_gallery_holds_nothing_else() -> None:
    import gallery_pages

    assert (ROOT / "docs" / "gallery" / "README.md").read_text("utf-8") == gallery_pages.index()
    names = {one.name for one in LIBRARY}
    for path in (ROOT / "docs" / "gallery").iterdir():
        assert (
            path.name == "README.md" or path.stem.rstrip("0123456789").removesuffix("-") in names or path.stem in names
        )
