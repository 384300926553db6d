"""Decisions exactly on their bounds, in random policies: fast as with care, whatever their errors went through."""

import os
from random import Random

import pytest

from tests.evaluator_models import compiled
from tests.random_ties import policy, tables
from tests.test_fast import both, differences

_BLOCKS = (1, 2, 3, 5, 1 << 16)
EXAMPLES = int(os.environ.get("SOFTLIQ_EXAMPLES", "60"))
FIRST = Random().randrange(1 << 40) if "SOFTLIQ_EXAMPLES" in os.environ else 750  # some of these have found faults


@pytest.mark.parametrize("part", range(4))
def test_fast_as_with_care(part: int) -> None:
    for seed in range(FIRST + part, FIRST + EXAMPLES, 4):
        random = Random(seed)
        text, book = policy(random), tables(random)
        quick, careful, answered = both(*compiled(text, book), block=random.choice(_BLOCKS))
        found = [differences(evaluation, careful) for evaluation in quick]
        assert answered == 3 and found == [[], [], []], f"seed {seed}\n{text}\n{book}\n{found}"
