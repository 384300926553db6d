"""What `check --ranges` shows: the values that each computed number can take, as proved from the declared ranges."""

from dsl import model
from dsl.model import Interval, Kind, Type
from dsl.text import interval_text
from dsl.units import ONE


def ranges_of(policy: model.Policy) -> list[tuple[str, Interval, Type]]:
    """Each formula and tier column that is a number, as ``entity.column``, in the policy's order."""
    found = []
    for name, entity in policy.entities.items():
        found += [(f"{name}.{f.name}", f.range, f.type) for f in entity.formulas.values()]
        tiers = policy.tiers.get(name)
        for column in tiers.columns if tiers else ():
            found.append((f"{name}.{column.name}", column.range, column.type))
    return [(column, range_, type_) for column, range_, type_ in found if type_.kind is Kind.NUMBER]


def as_rows(policy: model.Policy) -> list[tuple[str, str, str]]:
    """The ranges as cells: the column, its range, its unit."""
    return [
        (column, interval_text(range_, type_), "" if type_.unit in (None, ONE) else str(type_.unit))
        for column, range_, type_ in ranges_of(policy)
    ]
