"""The pages of `docs/` that come from the code: `python docs/generate.py` writes them, `--check` names stale ones."""
# ruff: noqa: E501 (prose)

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import builtins_page  # noqa: E402
from page_parts import table  # noqa: E402

NOTE = "<!-- Written by docs/generate.py from {source}; change it there. -->\n\n"

# Of the first character of a code, and its number's hundreds: what its codes are about.
_FAMILIES = {
    "E0": "Reading: files, lines, words, numbers, pipe rows",
    "E1": "Names, paths, calls, aggregates",
    "E2": "Types and units",
    "E3": "Blanks and unknowns",
    "E4": "Tables, curves, tiers",
    "E5": "Parameters and ranges",
    "E6": "Tests",
    "E7": "Effects and scenarios",
    "E9": "Not supported yet",
    "W1": "Warnings: things that nothing uses",
    "W2": "Warnings: values that may be undefined",
    "W4": "Warnings: promises of curves",
}
CAUSES = {
    "MISSING": ("cell", "The cell is blank, and its column's type has no `?`.", "fill the cell, or write `?` after the type and say with `??` what a blank means"),
    "NOT_A_VALUE": ("cell", "The cell holds something that its type does not read: `n/a`, `#REF!`, `1,250.00` or `2%` as a number, NaN, an infinite number, a label that is none.", "write a plain number, a date, a label"),
    "OUT_OF_RANGE": ("cell", "The cell's value lies outside the range in its column's declaration.", "mend the cell, or widen the range if it was too narrow"),
    "STALE": ("cell", "The column says `fresh`, and the instant beside the cell is too old, later than `as_of`, absent or unreadable.", "take a newer value; see [freshness](snapshots.md#freshness)"),
    "ORPHAN": ("link", "The link names a key that its entity's table does not have.", "add the row, or mend the name"),
    "BLANK": ("cell or link", "The cell of an optional column is blank. A formula can't meet that without saying what then, so it shows only where the input itself is written out.", "nothing; that is what `?` allows"),
    "DIVISION": ("formula", "A division by zero, zero to a negative power, `interpolate` with `x0 = x1`, an impact on no depth, a gamma or theta of an option at its strike and expiry.", "guard it: `if debt > 0 then ... else ...`"),
    "DOMAIN": ("formula", "A root of a negative number, a logarithm of zero or less, a broken power of a negative number, `clamp` with its low above its high, a rounding step that is not above zero, a quantile of no part between 0 and 1, an option on a price that is not above zero.", "guard it, or give the inputs a range"),
    "OVERFLOW": ("formula", "A result beyond the largest float64, or arithmetic on `infinite`, which can only be compared, chosen and looked up.", "test for it first: `if health < infinite then ... else ...`"),
    "NO_ROW": ("table", "No row of the table matches the keys.", "add a row, or one for `other`, or write `table(...) ?? value`"),
    "OUTSIDE": ("curve", "The argument lies beyond the points of a curve that says `unknown outside`.", "add points, or say `flat outside` or `extended outside`"),
    "EMPTY": ("aggregate", "`min`, `max`, `mean`, `share` or `first` over no rows.", "guard it: `if count(position) > 0 then max(position.notional) else 0`"),
    "CELL_RANGE": ("tier", "A computed cell of the tiers lies outside its column's stated range, 0% to 100% unless the header says otherwise.", "hold it with `clamp`, or state the range in the header"),
    "OVERDRAWN": ("draw", "A row of a `draw` takes more than is left when it is its turn, or less than nothing; what is left for those after it is unknown too.", "hold it with `min(…, left)` and `max(0, …)`, or take all or nothing: `if need <= left then need else 0`"),
    "UNREACHED": ("formula", "`solve`: the condition holds for no value of what is sought, within its range.", "nothing: there is no such price"),
}  # fmt: skip


def errors() -> str:
    """Every code with its meaning and an example."""
    from dsl.codes import CODES

    parts = [
        "# Messages of `softliq check`\n\nEvery message bears a code. Codes that begin with E are errors: the policy is "
        "not run. Codes that begin with W are warnings. `softliq explain-error E205` prints one of these entries in the "
        "terminal. The examples are pieces of a policy.\n"
    ]
    family = ""
    for code in sorted(CODES.values(), key=lambda c: (c.code[0], c.code)):
        if code.code[:2] != family:
            family = code.code[:2]
            parts.append(f"## {_FAMILIES.get(family, family)}\n")
        parts.append(f"### {code.code}\n\n**{code.title}.** {code.meaning}\n")
        parts.append(f"```text\nwrong\n{_indented(code.wrong)}\n\nright\n{_indented(code.right)}\n```\n")
    return "\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def causes() -> str:
    """Why a value is unknown."""
    from dsl.causes import Cause

    rows = ((str(int(c)), c.words, *CAUSES[c.name]) for c in Cause)
    return (
        "# Why a value is unknown\n\nA value that cannot be known carries its cause and the place where that began. Where "
        "several unknowns meet in one formula, the smallest number of this table is the one reported; of the same cause, "
        "the entity, column and row that come first. The words stand in the terminal, in the report, in `summary.json` "
        "and in the [`<column>_cause`](results.md#columns) columns.\n\n"
        + table(("", "words", "arises at", "what it says", "what to do"), rows)
    )


def commands() -> str:
    """The command line, from the commands themselves."""
    from typer.main import get_command

    from cli.app import application

    parts = [
        "# Commands\n\nThe same as `softliq COMMAND --help`. [Exit codes](results.md#exit-codes) are the same for all "
        "commands.\n"
    ]
    found: Any = get_command(application())
    for name, command in found.commands.items():
        required = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and "--help" not in p.opts]
        asked = [f"{p.opts[0]} {_metavar(p)}" for p in options if p.required]
        usage = " ".join(["softliq", name, *(p.metavar for p in required), *asked, *(["[OPTIONS]"] if options else [])])
        parts.append(f"## {name}\n\n{command.help}\n\n```sh\n{usage}\n```\n")
        parts.append(table(("argument", "meaning"), ((f"`{p.metavar}`", p.help) for p in required)))
        if options:
            parts.append(table(("option", "meaning"), (_option(p) for p in options)))
    return "\n".join(parts)


def _metavar(option: Any) -> str:
    choices = getattr(option.type, "choices", None)
    return str(option.metavar or ("|".join(choices) if choices else ""))


def _option(option: Any) -> tuple[str, str]:
    shown = f"{', '.join(option.opts)} {_metavar(option)}".strip()
    default = "" if option.default in (None, False) or option.required else f" Default: `{option.default}`."
    return f"`{shown}`", option.help + (" Required." if option.required else default)


# The rooms of the house in the order in which a policy goes through them, and the files of each in theirs.
ROOMS = {
    "dsl": {
        "What everything stands on": "records kinds source diagnostics codes codes_read codes_check codes_analysis text",
        "Text to tree": "tokens mistakes literals lines grammar.lark table lalr parts build statements cells blocks block_lines block_tests cases expected parse csvtable load syntax",
        "Text to canonical text": "format format_line format_rows",
        "Tree to checked policy": "check near names declarations group_names world units group_paths types builtins param_definitions params paths columns guards clashes expressions calls arguments builtin_calls functions table_calls aggregates aggregate_rows groups draws tables correlations curves promises tiers becomes state dependence shock grids over examples laws constants ranges facts intervals decide reach table_ends finite coverage amounts unused tree causes model/types model/expressions model/definitions model/claims model/policy",
        "Checked policy, put otherwise": "slice until solve hoist hoist_grids",
    },
    "evaluator": {
        "Snapshot to book": "snapshot reading layout ahead hashes scan files csv_file arrow_file memory_table parquet arrays raw_table tables cells literals needs problems schema stored storing stored_layout mapped texts written book columns later grouping index",
        "Checked policy to graph": "lower lower_columns lower_paths lower_aggregates lower_grids lower_draws lower_tables lower_ladders lower_surfaces lower_curves lower_keys lower_pieces lower_operations scope graph opened keys pieces constants states drawing pairs plan",
        "Graph to values, with care": "run threads runner vector context kernels smooth normal finance finance_jumps dates logic search links groups aggregates tiering error settle",
        "Limits drawn in order": "draws draws_guess draws_pools queue",
        "Numbers that are sought": "solve until tries solve_sought solve_copies solve_journey solve_walk solve_turns solve_rules solve_bounds solve_forms solve_steps",
        "Graph to values, fast": "fast shape tasks translate rules_inputs rules_numbers rules_decisions rules_lookups rules_groups bits blocks windows frame act acts acts_choice acts_lookups acts_members acts_flags acts_moves moves_fold reach units cut",
        "Few moves of a grid": "grid_folds grid_template grid_lines grid_points grid_search grid_turns grid_careful",
        "Snapshots larger than memory": "stream stream_division stream_headers stream_parts stream_survey stream_table stream_order stream_spill stream_hashes stream_memory stream_part stream_wholes stream_collect stream_merge stream_sinks stream_results",
        "The reference interpreter": "reference places exact exact_normal exact_finance exact_dates members reference_book reference_cells reference_aggregates reference_lookup reference_tables reference_tiers reference_grids reference_draws reference_solve reference_moving reference_until",
        "Values to results": "evaluation results rows lazy checks amounts lanes tier_sums origins plain outputs about sweep explain alone explain_step explain_steps explain_calls explain_found explain_tiers why_not",
        "Tests and laws": "testing asserted coverage laws laws_cases laws_worlds laws_aim laws_jumps laws_shrink laws_counterexample",
    },
    "cli": {
        "Commands": "entry app options policy snapshot params inputs memory exits new gallery library check ranges schema index eval out verdict stream grid review explain explain_error test coverage laws watch fmt",
        "Terminal": "terminal/",
        "Report": "report/page report/",
    },
}  # fmt: skip


def rooms() -> str:
    """Every file with the first sentence of its docstring."""
    parts = ["# Files\n\nEvery file of the three packages, in the order in which a policy and a snapshot go through them. "
             "[architecture.md](architecture.md) is the picture.\n"]  # fmt: skip
    for package, chapters in ROOMS.items():
        parts.append(f"## {package}\n")
        left = sorted(p for p in (DOCS.parent / package).rglob("*") if p.suffix in (".py", ".lark"))
        left = [p for p in left if p.name != "__init__.py"]
        for title, names in chapters.items():
            found = [p for name in names.split() for p in left if _named(p, DOCS.parent / package, name)]
            found = list(dict.fromkeys(found))
            left = [p for p in left if p not in found]
            parts.append(f"### {title}\n\n{_files(found)}")
        if left:
            parts.append(f"### Also\n\n{_files(left)}")
    return "\n".join(parts)


def _named(path: Path, package: Path, name: str) -> bool:
    shown = path.relative_to(package).as_posix()
    return shown.startswith(name) if name.endswith("/") else shown in (name, f"{name}.py")


def _files(paths: list[Path]) -> str:
    return table(("file", "what it is"), ((f"`{p.relative_to(DOCS.parent).as_posix()}`", _sentence(p)) for p in paths))


def _sentence(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        said = re.sub(r"^// ?", "", text.split("\n\n")[0], flags=re.MULTILINE)
    first = " ".join(said.split("\n\n")[0].split())
    return re.split(r"(?<=[^.])\. ", first)[0].removesuffix(".").replace("``", "`")


PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "errors.md": ("dsl/codes.py", errors),
    "builtins.md": ("dsl/builtins.py", builtins_page.builtins),
    "causes.md": ("dsl/causes.py", causes),
    "commands.md": ("cli/app.py", commands),
    "files.md": ("the files' docstrings", rooms),
}


def pages() -> Iterator[tuple[Path, str]]:
    """Each generated page: where it stands and its whole text."""
    for name, (source, make) in PAGES.items():
        yield DOCS / name, NOTE.format(source=source) + re.sub(r"\n{3,}", "\n\n", make()).rstrip() + "\n"


def gallery() -> Iterator[tuple[Path, str]]:
    """Each file of the gallery."""
    import gallery_pages

    yield from ((DOCS / "gallery" / name, text) for name, text in gallery_pages.pages())


def stale() -> list[str]:
    """The pages that differ from what the code says now; the gallery's have a test of their own."""
    return [p.name for p, text in pages() if not p.exists() or p.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        found = stale()
        for name in found:
            print(f"docs/{name} is stale; run `make docs`", file=sys.stderr)
        return 1 if found else 0
    if arguments:
        print("usage: python docs/generate.py [--check]", file=sys.stderr)
        return 2
    for path, text in pages():
        path.write_text(text, "utf-8")
        print(path.relative_to(DOCS.parent))
    _write_gallery()
    return 0


def _write_gallery() -> None:
    """The gallery as the policies have it now: what no policy asks for any more goes."""
    folder = DOCS / "gallery"
    folder.mkdir(exist_ok=True)
    made = dict(gallery())
    for path in set(folder.iterdir()) - set(made):
        path.unlink()
    for path, text in made.items():
        path.write_text(text, "utf-8")
    print(f"docs/gallery: {len(made)} files")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
