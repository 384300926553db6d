"""Commands whose whole process is timed, from its start to its end. They print JSON."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import reference as r
from tests.bench.engine import Call

ROOT = r.HERE.parents[1]


def python(module: str, *arguments: str) -> Call:
    return _call([sys.executable, "-m", module, *arguments])


def softliq(*arguments: str) -> Call:
    return _call([str(Path(sys.executable).with_name("softliq")), *arguments])


def _call(command: Sequence[str]) -> Call:
    def run() -> Any:
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)

    return run
