"""The house's one picture, held: text flows from dsl to evaluator to cli and never back, and starting up is cheap."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "dsl": {"evaluator", "cli", "softliq", "policies", "numpy", "pyarrow", "rich", "typer", "jinja2"},
    "evaluator": {"cli", "softliq", "rich", "typer", "jinja2", "lark"},
    "cli": {"lark"},
}
HEAVY = {"numpy", "pyarrow", "lark", "jinja2", "tomli", "rich", "pydantic"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The top-level package of every import in the file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_import_only_what_stands_below_them(package: str) -> None:
    assert modules(package)
    faults = {
        str(path.relative_to(ROOT)): sorted(wrong)
        for path in modules(package)
        if (wrong := FORBIDDEN[package] & set(imported(path)))
    }
    assert faults == {}


DEMANDED = {"dsl.expressions", "dsl.paths"}  # docs/decisions/0012: they import what stands above them inside functions


def at_run_time(node: ast.AST, top: bool = True) -> Iterator[tuple[str, bool]]:
    """The dotted name of every import, and whether it stands at the top; what only type checkers read is left out."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from (found for part in child.orelse for found in at_run_time(part, top))
            case ast.ImportFrom(module=str(module)):
                yield from ((name, top) for alias in child.names for name in (module, f"{module}.{alias.name}"))
            case ast.Import():
                yield from ((alias.name, top) for alias in child.names)
            case _:
                yield from at_run_time(child, top and not isinstance(child, ast.FunctionDef))


def test_no_module_imports_one_that_leads_back_to_it() -> None:
    named = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for package in FORBIDDEN for p in modules(package)}
    paths = {name.removesuffix(".__init__"): path for name, path in named.items()}
    graph = {
        name: {other for other, top in found if other in paths and (top or name not in DEMANDED)}
        for name, path in paths.items()
        for found in [list(at_run_time(ast.parse(path.read_text("utf-8"))))]
    }
    assert sum(map(len, graph.values())) > 1000
    TopologicalSorter(graph).prepare()  # raises an error that shows the circle


def test_only_one_file_knows_the_parser() -> None:
    users = {path.name for path in modules("dsl") if "lark" in set(imported(path))}
    assert users == {"table.py"}


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*sorted({{m.split('.')[0] for m in sys.modules}}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["eval", "--help"], ["nothing"]])
def test_starting_the_command_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_by(f"from cli.app import run; import io, contextlib\n"
                       f"with contextlib.redirect_stderr(io.StringIO()): run({arguments!r})")  # fmt: skip
    assert "typer" in loaded
    assert loaded & HEAVY == set()


def test_importing_the_python_face_loads_nothing_heavy() -> None:
    loaded = loaded_by("import softliq; softliq.__version__")
    assert "softliq" in loaded
    assert loaded & (HEAVY | {"typer", "dsl", "evaluator"}) == set()


def test_the_dsl_runs_without_numpy() -> None:
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in modules("dsl")]
    loaded = loaded_by("\n".join(f"import {n}" for n in names if not n.endswith("__init__")))
    assert "dsl" in loaded
    assert loaded & {"numpy", "pyarrow"} == set()
