"""Reading from disk: used files, tables' files, and what is wrong with files."""

import hashlib
import os
from fractions import Fraction
from pathlib import Path

import pytest

from dsl import load as loading
from dsl import syntax as s
from dsl.diagnostics import Diagnostic, Diagnostics
from dsl.load import Loaded, load, load_text

TABLE = 'table t(m, n: USD) from "t.csv":\n  | m = "symbol" | n >= | rate |\n'


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return folder / next(iter(files))


def loaded(path: Path) -> tuple[Loaded, list[Diagnostic]]:
    diagnostics = Diagnostics()
    return load(path, diagnostics), diagnostics.found


def names(file: s.File) -> list[str]:
    return [x.name.text for x in file.statements if isinstance(x, s.Unit)]


def test_used_files_come_first_and_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {
            "a.policy": 'policy "A"\nunit A\nuse "b.policy"\nuse "sub/c.policy"\n',
            "b.policy": "unit B\n",
            "sub/c.policy": 'use "../b.policy"\nuse "d.policy"\nunit C\n',
            "sub/d.policy": "unit D\n",
        },
    )
    result, found = loaded(path)
    assert not found
    assert names(result.file) == ["B", "D", "C", "A"]
    assert result.file.title == "A"
    assert [os.path.relpath(x.source.name, tmp_path) for x in result.sources] == [
        "a.policy", "b.policy", "sub/c.policy", "sub/d.policy",
    ]  # fmt: skip
    assert result.sources[1].sha256 == hashlib.sha256(b"unit B\n").hexdigest()


def test_the_library_is_used_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "library"
    write(library, {"std/base.policy": 'use "more.policy"\nunit EUR\n', "std/more.policy": "unit GBP\n"})
    monkeypatch.setattr(loading, "LIBRARY", library)
    result, found = loaded(write(tmp_path / "own", {"a.policy": 'use "std/base"\n'}))
    assert not found and names(result.file) == ["GBP", "EUR"]


def test_a_policy_may_come_as_text(tmp_path: Path) -> None:
    write(tmp_path, {"b.policy": "unit B\n"})
    diagnostics = Diagnostics()
    result = load_text('use "b.policy"\n', "<standard input>", tmp_path, diagnostics)
    assert not diagnostics.found and names(result.file) == ["B"]
    assert result.sources[0].source.name == "<standard input>"


def test_a_table_reads_its_file(tmp_path: Path) -> None:
    csv = '\ufeffsymbol,spare,rate,n\r\nBTC,x,0.4%,0\r\n\r\nother,,1e-05,"50k"\r\n"A""B, C",z, 3 ,infinite\r\n'
    result, found = loaded(write(tmp_path, {"a.policy": TABLE, "t.csv": csv}))
    assert not found
    (table,) = result.file.statements
    assert isinstance(table, s.Table)
    one, three = s.Number(Fraction(0), "plain", None), s.Number(Fraction(3), "plain", None)
    assert [r.cells for r in table.rows] == [
        (s.Word("BTC"), one, s.Number(Fraction(1, 250), "percent", None)),
        (s.Keyword("other"), s.Number(Fraction(50_000), "plain", None), s.Number(Fraction(1, 100_000), "plain", None)),
        (s.Word('A"B, C'), s.Infinite(), three),
    ]
    cell = table.rows[1].cells[1]
    assert cell.span.source.name.endswith("t.csv")
    assert (cell.span.text, cell.span.line) == ("50k", 4)
    assert [x.source.name for x in result.sources] == [str(tmp_path / "a.policy"), str(tmp_path / "t.csv")]


def test_a_long_table_s_file_is_read(tmp_path: Path) -> None:
    csv = "symbol,n,rate\n" + "".join(f"M{i},{i},0.{i}\n" for i in range(5000))
    result, found = loaded(write(tmp_path, {"a.policy": TABLE, "t.csv": csv}))
    (table,) = result.file.statements
    assert not found and isinstance(table, s.Table) and len(table.rows) == 5000


FAULTS = [
    # files, the code, the marked text, the message, the help
    ({"a.policy": 'use "b.policy"\n', "b.policy": 'use "a.policy"\n'}, "E005", '"a.policy"', "makes a circle", "third"),
    ({"a.policy": 'use "a.policy"\n'}, "E005", '"a.policy"', "makes a circle", None),
    ({"a.policy": 'use "../b.policy"\n'}, "E004", '"../b.policy"', "lies outside the policy's folder", None),
    ({"a.policy": 'use "/etc/b.policy"\n'}, "E004", '"/etc/b.policy"', "lies outside the policy's folder", None),
    ({"a.policy": 'use "std/../../b"\n'}, "E004", '"std/../../b"', "lies outside", None),
    ({"a.policy": 'use "x\\b.policy"\n'}, "E004", '"x\\b.policy"', "folders are separated by `/`", '"x/b.policy"'),
    (
        {"a.policy": 'use "brakets.policy"\n', "brackets.policy": ""},
        "E002", '"brakets.policy"', "there is no file", "`brackets.policy`",
    ),
    ({"a.policy": 'use "std/nothing"\n'}, "E002", '"std/nothing"', "the shipped library has no `std/nothing`", None),
    ({"a.policy": 'use "d.policy"\n', "d.policy/x": ""}, "E002", '"d.policy"', "is a folder", None),
    (
        {"a.policy": 'use "b.policy"\n', "b.policy": b"unit \xe9\n"},
        "E001", '"b.policy"', "line 1 has the byte 0xE9", "UTF-8",
    ),
    (
        {"a.policy": 'use "b.policy"\n', "b.policy": "unit A".encode("utf-16")},
        "E001", '"b.policy"', "is UTF-16 text", None,
    ),
    (
        {"a.policy": 'use "b.policy"\n', "b.policy": b"#" * (1 << 20) + b"#"},
        "E003", '"b.policy"', "1_048_577 bytes, more than 1_048_576", None,
    ),
    ({"a.policy": 'use "b\\0.policy"\n'.replace("\\0", "\0")}, "E002", None, "can't be a file's name", None),
    ({"a.policy": TABLE}, "E002", '"t.csv"', "there is no file", None),
    ({"a.policy": TABLE.replace("t.csv", "../t.csv")}, "E004", '"../t.csv"', "lies outside", None),
    ({"a.policy": TABLE, "t.csv": ""}, "E054", '"t.csv"', "is empty", None),
    ({"a.policy": TABLE, "t.csv": "symbol,n,rate\n\n"}, "E054", '"t.csv"', "has a header and no rows", None),
    ({"a.policy": TABLE, "t.csv": "symbol,n,rte\na,1,2\n"}, "E051", "rate", "has no column `rate`", '"rte"'),
    (
        {"a.policy": TABLE, "t.csv": "zzz,n,rate\na,1,2\n"},
        "E051", '"symbol"', "has no column `symbol`", "its columns are",
    ),
    (
        {"a.policy": TABLE, "t.csv": "symbol,n,rate,rate\na,1,2,3\n"},
        "E052", "symbol,n,rate,rate", "2 columns named `rate`", None,
    ),
    ({"a.policy": TABLE, "t.csv": "symbol;n;rate\na;1;2\n"}, "E055", "symbol;n;rate", "not separated by commas", None),
    ({"a.policy": TABLE, "t.csv": "symbol,n,rate\na,1\n"}, "E053", "a,1", "row 2 of", None),
    ({"a.policy": TABLE, "t.csv": "symbol,n,rate\na,1\nb,1,1\nc,1\n"}, "E053", "a,1", "2 rows differ", None),
    ({"a.policy": TABLE, "t.csv": 'symbol,n,rate\na,1,"2\n'}, "E055", '"t.csv"', "can't be read as CSV", None),
    ({"a.policy": TABLE, "t.csv": "symbol,n,rate\na,,2\n"}, "E041", None, "the cell of `n` is blank", None),
    ({"a.policy": TABLE, "t.csv": 'symbol,n,rate\na,"1,000",2\n'}, "E030", "1,000", "has a comma inside", "`1_000`"),
    ({"a.policy": TABLE, "t.csv": b"symbol,n,rate\n\xff,1,2\n"}, "E001", '"t.csv"', "line 2 has the byte 0xFF", None),
    (
        {"a.policy": TABLE + "  | a | 1 | 2 |\n", "t.csv": "symbol,n,rate\na,1,2\n"},
        "E016", "| a | 1 | 2 |", "rows here and", None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("files", "code", "marked", "message", "help"), FAULTS, ids=[f"{x[1]} {x[3]}" for x in FAULTS])
def test_a_faulty_file_has_one_message(
    tmp_path: Path, files: dict[str, str | bytes], code: str, marked: str | None, message: str, help: str | None
) -> None:
    result, found = loaded(write(tmp_path, files))
    assert [d.code for d in found] == [code], [d.message for d in found]
    assert message in found[0].message
    assert help is None or (found[0].help and help in found[0].help)
    assert marked is None or found[0].labels[0].span.text == marked
    assert result.sources


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [("none.policy", "E002", "there is no file"), ("sub", "E002", "is a folder"), ("bad.policy", "E001", "0xFF")],
)
def test_a_policy_that_can_t_be_read_has_one_message(tmp_path: Path, name: str, code: str, message: str) -> None:
    write(tmp_path, {"bad.policy": b"\xff", "sub/x": ""})
    result, found = loaded(tmp_path / name)
    assert [d.code for d in found] == [code]
    assert message in found[0].message and not result.sources and not result.file.statements


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path, {"outside.policy": "unit X\n"})
    path = write(tmp_path / "own", {"a.policy": 'use "link.policy"\n'})
    (tmp_path / "own" / "link.policy").symlink_to(outside)
    result, found = loaded(path)
    assert [d.code for d in found] == ["E004"] and len(result.sources) == 1


def test_a_circle_shows_the_whole_way(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.policy": 'use "b.policy"\n', "b.policy": 'use "c.policy"\n', "c.policy": 'use "b.policy"\n',
    }  # fmt: skip
    _, found = loaded(write(tmp_path, files))
    assert [os.path.basename(x.span.source.name) for x in found[0].labels] == ["c.policy", "a.policy", "b.policy"]


def test_of_many_faulty_rows_ten_are_shown(tmp_path: Path) -> None:
    csv = "symbol,n,rate\n" + "A,,1\n" * 500
    _, found = loaded(write(tmp_path, {"a.policy": TABLE, "t.csv": csv}))
    assert [d.code for d in found] == ["E041"] * 10 + ["E055"]
    assert "500 rows" in found[-1].message


def test_more_files_than_allowed_are_refused(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"a{i}.policy": f'use "a{i + 1}.policy"\nunit U{i}\n' for i in range(150)}
    _, found = loaded(write(tmp_path, files))
    assert [d.code for d in found] == ["E003"]
