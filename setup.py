"""Building a wheel puts the parse table into it, made from the grammar as it stands. All else is in pyproject.toml."""

import json
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithTable(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:  # a checkout makes its own when it is first needed
            root = Path(__file__).resolve().parent
            sys.path.insert(0, str(root))
            from dsl.table import GRAMMAR, make_table

            table = json.dumps(make_table(GRAMMAR.read_text("utf-8")))
            (Path(self.build_lib) / "dsl" / "grammar.json").write_text(table, "utf-8")


setup(cmdclass={"build_py": BuildWithTable})
