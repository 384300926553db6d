"""A page with the whole language, and texts read: to a tree, to faults, to an expression with its parentheses."""

from typing import Any

from dsl import syntax as s
from dsl.diagnostics import Diagnostic, Diagnostics
from dsl.parse import parse
from dsl.source import Source

PAGE = """\
policy "Everything" version 1.5 effective 2026-12-01T07:30Z
  "The whole language page."

use "std/perpetuals"
unit USD

entity market "where it trades":
  unit asset                                  # every market counts its own asset
  mark       : USD/asset > 0      fresh 30s   "Mark price"
  volatility : ratio in 0% to 500%
  venue      : one of spot, perp?
  decay      : number/asset^0.5*USD^(1/3)

entity netting groups position by account, market.underlying:
  mixed = sum(account.netting.risk * correlation(underlying, account.netting.underlying))

entity system once:
  taken = draw(system.room, ilk.room by ratio: min(left, 5))
  price = solve(market.mark until account.health <= 100%)
  worst = max((base.value - value) * weight over span)
  large = sum(loan.debt via collateral where loan.debt > 50k USD)
  first_fee = first(position.fee by -position.notional)
  guarded = a ?? b ?? -1
  long = (a
     + b   # a comment with a ( in it
  - c)

param reference : ratio in 10% to 300% = 60%
param buffer : ratio in 110% to 150%  max change 10% "kept above":
  from 2026-01-01 = 125%
  from 2026-12-01 = 130%

let load(v: ratio, w) = 1 + v * w   "a function"

table brackets(market, notional: USD):
  | market = | notional >= | margin marginal | tip : USD |    # sliced like tax | really
  | BTC-USDT | 0           | 0.40%           | 1k        |
  | 1INCH    | 50k         | 0.50%           | -2        |
  | "other"  | 1e-6        | load(1, 2)      | 0         |
  | other    | infinite    | 1.00%           | 0         |  # the rest
table surface(x, y) unknown outside from "surface.csv" "a file":
  | x ~ | y ~ "column y" | value |

curve penalty(health: ratio) linear, flat outside, decreasing:
  | health | penalty |
  | 80%    | 10%     |
curve formula(h: ratio) increasing = min(10%, 0.5% * exp(8 * (1.1 - h))) "by a formula"

tiers account "steps":
  | health >= | tier    | close : ratio in 0% to 50% |
  | 150%      | healthy | 0%                         |
  | buffer    | watch   | until after.health >= 125% |
  | other     | shut    | 50%                        |
  | unknown   | hold    | 0%                         |

effect:
  position.size becomes size * (1 - account.close)

scenario crash "30 % down":
  market.mark becomes mark * 70%
scenario fall(move: ratio):
  market.mark becomes mark * (1 + move)

grid span "moves":
  | span | price | weight |
  | p1/3 | -5%   | 1      |
  market.mark becomes mark * (1 + price)
grid axes:
  move in -15% to 15% by 5%
  vol in -25%, 25%

always "never rises": account.fee decreasing in account.health
always "never hurts" on account: health < 100% or after.health >= health
check warn "fits" on account: fee <= max(equity, 0)
check "below":
  share(account.tier = hold) <= 0.1%

test "an example":
  given as_of 2026-01-01
  given market
    | market | mark |
    | A#1    |      |   # a blank cell
  expect account BTC/2: equity = 250 within 1, tier = trim
  expect system: pool = 3
"""

TABLE = "table t(x, y):\n  | x = | y >= | z |\n"


def read(text: str) -> tuple[s.File, list[Diagnostic]]:
    diagnostics = Diagnostics()
    return parse(Source("a.policy", text), diagnostics), diagnostics.found


def good(text: str) -> s.File:
    file, found = read(text)
    assert [(d.code, d.message) for d in found] == []
    return file


def formula(text: str) -> Any:
    (entity,) = good(f"entity e:\n  x = {text}\n").statements
    assert isinstance(entity, s.Entity)
    (member,) = entity.members
    assert isinstance(member, s.Formula)
    return member.value


def shown(node: Any) -> str:
    """An expression with all its parentheses."""
    match node:
        case s.Path():
            return node.text
        case s.Number():
            return str(node.value) + (f" {node.unit.text}" if node.unit else "")
        case s.Sign():
            return f"({node.operator}{shown(node.operand)})"
        case s.Binary() | s.Compare():
            return f"({shown(node.left)} {node.operator} {shown(node.right)})"
        case s.Logic():
            return "(" + f" {node.operator} ".join(shown(o) for o in node.operands) + ")"
        case s.Not():
            return f"(not {shown(node.operand)})"
        case s.If():
            return f"(if {shown(node.condition)} then {shown(node.then)} else {shown(node.otherwise)})"
        case s.Fallback():
            return f"({shown(node.operand)} ?? {shown(node.otherwise)})"
        case s.Member():
            return f"({shown(node.operand)} in {', '.join(shown(c) for c in node.choices)})"
        case s.Call():
            return f"{node.function.text}({', '.join(shown(a.value) for a in node.arguments)})"
        case s.Infinite():
            return "infinite"
        case s.Flag():
            return "yes" if node.value else "no"
    raise AssertionError(type(node))
