"""`softliq explain`: one row's tier and why, down to the cells of the snapshot."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit, Stop
from cli.options import AsOf, Format, Params, PolicyFile, RunOptions, Scenario, Set, SnapshotPath
from cli.terminal.console import print_json
from dsl.near import did_you_mean, listed, nearest

if TYPE_CHECKING:
    from dsl.model import Policy
    from evaluator.book import Book
    from evaluator.evaluation import Evaluation


def explain(
    policy: PolicyFile,
    snapshot: SnapshotPath,
    row: Annotated[str, typer.Argument(metavar="ENTITY:KEY", help="the row to explain, such as account:a17")],
    sets: Set = None,
    params: Params = None,
    as_of: AsOf = None,
    scenario: Scenario = None,
    grid: Annotated[str | None, typer.Option(metavar="NAME", help="The grid that --move is of.")] = None,
    move: Annotated[
        str | None, typer.Option(metavar="MOVE", help="The book as this move of a grid makes it, such as 'move=-15%'.")
    ] = None,
    why: Annotated[
        str | None,
        typer.Option("--why-not", metavar="TIER", help="Say too why it is not in this tier, and what would bring it."),
    ] = None,
    format: Format = "text",
) -> int:
    """Say why a row has its tier: each formula's value, the cells and table rows used, the neighbouring tiers."""
    from cli.inputs import evaluated, read
    from evaluator.alone import alone
    from evaluator.explain import as_data
    from evaluator.explain import explain as explained
    from evaluator.reference import Reference

    if grid is not None and move is None:
        raise Stop(Exit.USAGE, "`--grid` chooses the grid of a move, and none is named", "add `--move NAME`")
    if scenario is not None and move is not None:
        raise Stop(Exit.USAGE, "a scenario and a move are two shocks", "leave `--scenario` or `--move` out")
    options = RunOptions(policy, snapshot, tuple(sets or ()), params, as_of, scenario, grid, move)
    given = read(options, format, rows=why is None)
    by: Evaluation | Reference
    by = Reference(given.policy, given.book, given.params) if alone(given.policy, given.book) else evaluated(given)
    entity, number = find_row(by.policy, by.book, row)
    if why is not None:
        _known_tier(by.policy, entity, why)
    found = explained(by, entity, number, why)
    if format == "json":
        print_json(as_data(found))
    else:
        from cli.terminal.explanation import show_explanation  # and Rich with it

        show_explanation(found)
    return Exit.FINE


def _known_tier(policy: "Policy", entity: str, tier: str) -> None:
    from cli.terminal.text import safe

    if entity not in policy.tiers:
        raise Stop(Exit.USAGE, f"`{entity}` has no tiers", f"tiers are of {listed(policy.tiers, 'no entity')}")
    labels = policy.tiers[entity].labels
    if tier not in labels:
        hint = did_you_mean(tier, labels) or f"there are {listed(labels)}"
        raise Stop(Exit.USAGE, f"`{entity}` has no tier `{safe(tier)}`", hint)


def find_row(policy: "Policy", book: "Book", text: str) -> tuple[str, int]:
    """The entity and row number of ``account:a17``; of an entity that is there once, its name is enough."""
    from cli.terminal.text import count, safe
    from evaluator.texts import row_of

    entity, colon, key = text.partition(":")
    if entity not in policy.entities:
        near = nearest(entity, policy.entities)
        hint = f"did you mean `{near}:{safe(key)}`?" if near else f"it has {listed(policy.entities)}"
        if not colon:
            owners = [e for e, table in book.tables.items() if not policy.entities[e].once and text in table.keys]
            if owners or near:
                hint = f"write it as `{owners[0]}:{safe(text)}`" if owners else f"did you mean `{near}:KEY`?"
        raise Stop(Exit.USAGE, f"the policy has no entity `{safe(entity)}`", hint)
    if policy.entities[entity].once:
        return entity, 0
    table = book.tables[entity]
    if not key:
        example = f"{entity}:{safe(table.keys[0])}" if table.rows else f"{entity}:KEY"
        raise Stop(Exit.USAGE, f"`{safe(text)}` names no row", f"write it as `{example}`")
    number = row_of(table.keys, key)
    if number is None:
        near = nearest(key, table.keys[:100_000])  # more would take seconds
        told = f"the snapshot has no {entity} `{safe(key)}` among its {count(table.rows, 'row')}"
        raise Stop(Exit.USAGE, told, f"did you mean `{entity}:{safe(near)}`?" if near else None)
    return entity, number
