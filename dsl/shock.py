"""A scenario as it is asked for by name, such as `crash` or `fall(20%)`, put before a policy."""

import re
from collections.abc import Mapping
from dataclasses import replace

from dsl import model
from dsl.constants import LARGEST, constant, too_large
from dsl.grids import move_values
from dsl.model import Value, allows
from dsl.near import did_you_mean, listed
from dsl.params import ParamError, endless, literal, wanted
from dsl.state import rebuild, shocked
from dsl.text import interval_text, value_text

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", re.DOTALL)


def with_scenario(
    policy: model.Policy, params: Mapping[str, Value], text: str
) -> tuple[model.Policy, dict[str, Value]]:
    """The policy over the shocked snapshot, and the params as the scenario has them. Raises ParamError."""
    scenario, args = _called(policy, text)
    given = {name: model.Const(params[name], policy.params[name].type) for name in params}

    def bound(expr: model.Expr) -> model.Expr:
        if isinstance(expr, model.ArgRead):
            return args.get(expr.name, expr)
        return given.get(expr.name, expr) if isinstance(expr, model.ParamRead) else expr

    changed = {}
    for name, expr in scenario.params.items():
        value = constant(rebuild(expr, bound))
        if value is None:
            help = "make it of numbers, arguments and params, by + - * /"
            raise ParamError([(f"what `{name}` becomes in `{scenario.name}` is no constant", help)])
        changed[name] = _allowed(policy.params[name], value, scenario)
    named = replace(policy, name=f"{policy.name}, scenario {' '.join(text.split())}")
    return shocked(named, scenario, args), {**params, **changed}


def with_move(policy: model.Policy, params: Mapping[str, Value], grid: str | None, move: str) -> model.Policy:
    """The policy over the snapshot as a move of a grid makes it; without ``grid``, of the one grid that has the move.

    Raises ParamError.
    """
    if grid is not None and grid not in policy.grids:
        help = did_you_mean(grid, policy.grids) or f"it has {listed(policy.grids)}"
        raise ParamError([(f"the policy has no grid `{grid}`", help)])
    grids = [policy.grids[grid]] if grid is not None else list(policy.grids.values())
    found = [(g, i) for g in grids for i, m in enumerate(g.moves) if m.name == move]
    if not found:
        names = [m.name for g in grids for m in g.moves]
        shown = listed(names[:5])
        help = did_you_mean(move, names) or f"there are {shown}" + (" and others" if len(names) > 5 else "")
        where = f"`{grid}` has no" if grid is not None else "no grid of the policy has a"
        raise ParamError([(f"{where} move `{move}`", help)])
    if len(found) > 1:
        both = " and ".join(f"`{g.name}`" for g, _ in found)
        raise ParamError([(f"`{move}` is a move of {both}", "say which by `--grid NAME`")])
    [(chosen, number)] = found
    scenario = model.Scenario(chosen.name, (), chosen.lines, {}, chosen.description, chosen.span)
    named = replace(policy, name=f"{policy.name}, {chosen.name} {move}")
    return shocked(named, scenario, move_values(chosen, params)[number])


def _allowed(param: model.Param, value: Value, scenario: model.Scenario) -> Value:
    """The value, where it is in the param's range: beyond it the checker has proved nothing of bounds and tables."""
    if param.domain is not None and not allows(param.domain, value):
        shown = value_text(value, param.type)
        message = f"`{scenario.name}` makes `{param.name}` {shown}, which is outside its range"
        raise ParamError([(message, f"it must be {interval_text(param.domain, param.type)}")])
    if too_large(value):
        raise ParamError([(f"`{scenario.name}` makes `{param.name}` larger than any number", LARGEST)])
    if endless(param, value):
        message = f"`{scenario.name}` makes `{param.name}` infinite, which can't be: it makes {param.finite}"
        raise ParamError([(message, "give it a finite value")])
    return value


def _called(policy: model.Policy, text: str) -> tuple[model.Scenario, dict[str, model.Const]]:
    found = _CALL.fullmatch(text)
    name = found[1] if found else text.strip()
    if found is None or name not in policy.scenarios:
        if found is None and (meant := re.match(r"\s*(\w+)\b", text)) and meant[1] in policy.scenarios:
            told = f"`{text}` is not how a scenario is written"
            raise ParamError([(told, f"write `{_shape(policy.scenarios[meant[1]])}`")])
        help = did_you_mean(name, policy.scenarios) or f"it has {listed(policy.scenarios)}"
        raise ParamError([(f"the policy has no scenario `{name}`", help)])
    scenario = policy.scenarios[name]
    given = [part.strip() for part in found[2].split(",")] if found[2] and found[2].strip() else []
    if len(given) != len(scenario.args):
        message = (
            f"`{name}` takes {len(scenario.args)} argument{'s' * (len(scenario.args) != 1)}, and here are {len(given)}"
        )
        raise ParamError([(message, f"write `{_shape(scenario)}`")])
    args = {}
    for (arg, type_), part in zip(scenario.args, given, strict=True):
        value = literal(part, type_, arg)
        if value is None:
            raise ParamError([(f"`{part}` is not a value for `{arg}` of `{name}`", f"it is {wanted(type_)}")])
        args[arg] = model.Const(value, type_)
    return scenario, args


def _shape(scenario: model.Scenario) -> str:
    """How a scenario is asked for."""
    return f"{scenario.name}({', '.join(name for name, _ in scenario.args)})" if scenario.args else scenario.name
