"""Whether a row can be explained by itself, by the exact interpreter, without evaluating the book."""

from dsl.model import Aggregate, Draw, Policy, Solve, Until
from evaluator.book import Book
from evaluator.needs import parts

MOST = 10_000  # rows that the exact interpreter adds up in a moment


def alone(policy: Policy, book: Book) -> bool:
    """True where what a row depends on is some rows: no total over a large table, nothing found or drawn in turn, no
    groups, and no value of a ``once`` entity that the evaluator computes."""
    if policy.groups or any(e.once and e.formulas for e in policy.entities.values()):
        return False
    if any(i.found is not None for e in policy.entities.values() for i in e.inputs.values()):
        return False
    for part in parts(policy, checks=False):
        match part:
            case Draw() | Solve() | Until():
                return False
            case Aggregate(via=None) if part.entity not in book.tables or book.tables[part.entity].rows > MOST:
                return False
    return True
