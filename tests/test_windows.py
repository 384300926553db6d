"""Windows of a laid-out book: which rows they have, and what their steps leave to each other."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evaluator.groups import make_groups
from evaluator.index import make_layout
from evaluator.tasks import Task
from evaluator.windows import Place, windows


def layout_of(members: list[int], block: int) -> Any:
    """Of accounts with so many members each."""
    links = np.repeat(np.arange(len(members)), members)
    return make_layout("account", {"position": make_groups(links, len(members))}, len(members), block)


def step(grain: str, **more: Any) -> Any:
    return SimpleNamespace(**{"grain": grain, "count": 0, "keep": (), "tops": (), "before": (), "spread": ()} | more)


@pytest.mark.parametrize("crew", [1, 2, 3])
@pytest.mark.parametrize("members", [[1, 2, 3, 4] * 500, [3] * 900, [40] * 3 + [1] * 2_000, []], ids=str)
def test_each_of_a_crew_has_as_much_to_do(members: list[int], crew: int) -> None:
    layout = layout_of(members, 100)
    found = list(windows(layout, [step("position"), step("account")], 2_000, crew, ()))
    blocks = [parts.block for window in found for parts in window.parts[0]]
    assert blocks == list(layout.blocks)
    sizes = [sum(window.rows.values()) for window in found]
    assert sum(sizes) == len(members) + sum(members)
    if members:
        assert len(found) % crew == 0 and max(sizes) <= 2_000 + 2 * 100 and max(sizes) < 1.2 * sum(sizes) / len(sizes)
    for window in found:
        (accounts,) = (parts.block for parts in window.parts[1])  # all at once
        assert accounts.shapes == {"account": (window.rows["account"],)} and accounts.starts == {
            "account": window.starts["account"]
        }


def test_what_a_step_leaves_to_the_next_and_the_greatest_values_of_all_windows() -> None:
    layout = layout_of([2] * 10, 8)
    kept = Task(1, "mul", (), (), "account", np.float64, 0)
    top = Task(2, "top", (), ("position", False), "", np.float64, 0)
    tops, read = iter([3.0, 9.0, 5.0, 4.0, 1.0]), []

    def first(frame: Any, block: Any, _: Any, __: int) -> list[Any]:
        frame.kept[1][:] = block.starts["account"]
        frame.tops[2] = max(frame.tops[2], next(tops))
        return [("position", block.starts["position"])]

    def second(frame: Any, block: Any, found: Any, _: int) -> list[Any]:
        read.append((found[1].tolist(), found[2]))
        return []

    steps = [step("position", keep=(kept,), tops=(top,), done=first), step("account", before=(kept, top), done=second)]
    found = list(windows(layout, steps, 16, 1, ()))
    place = Place(steps, found, {1, 2})
    flagged = [place.run(window, {}, {}) for window in found]
    assert [[row for _, row in one] for one in flagged] == [[0, 6], [12]]
    assert read == [([0.0] * 3 + [3.0] * 3, 9.0), ([6.0] * 4, 5.0)]
    assert place.forget() == {2: 9.0} and place.forget() == {2: 0.0}
