"""From the parts of a line to the tree: one method per rule of the grammar, called as each rule completes."""

from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

from dsl import syntax as s
from dsl.parts import LONGEST_CHAIN, Maker, Part, Parts
from dsl.tokens import Token


class Builder(Maker):
    """The rules of expressions, types and cells; those of statements have a file of their own."""

    # -- expressions --------------------------------------------------------------------------

    def choice(self, parts: Parts) -> s.If:
        _, condition, _, then, _, otherwise = parts
        return self.grow(s.If(condition, then, otherwise, self.over(parts)), condition, then, otherwise)

    def disjunction(self, parts: Parts) -> s.Logic:
        return self._logic("or", parts)

    def conjunction(self, parts: Parts) -> s.Logic:
        return self._logic("and", parts)

    def _logic(self, word: Literal["and", "or"], parts: Parts) -> s.Logic:
        operands = tuple(parts[::2])
        if len(operands) > LONGEST_CHAIN:
            self.grow(s.Logic(word, operands, self.over(parts)), chain=len(operands))
        return self.grow(s.Logic(word, operands, self.over(parts)), *operands)

    def not_(self, parts: Parts) -> s.Not:
        return self.grow(s.Not(parts[1], self.over(parts)), parts[1])

    def comparison(self, parts: Parts) -> s.Compare | s.Logic:
        pairs = [
            self.grow(s.Compare(sign.kind, left, right, self.at(left).to(self.at(right))), left, right)
            for left, sign, right in zip(parts[::2], parts[1::2], parts[2::2], strict=False)
        ]
        if len(pairs) == 1:
            return pairs[0]
        span = self.over(parts)
        mended = " and ".join(p.span.text for p in pairs)
        self.error("E023", f"`{span.text}` compares twice", span, f"write `{mended}`")
        return self.grow(s.Logic("and", tuple(pairs), span), *pairs)

    def membership(self, parts: Parts) -> s.Member:
        choices = tuple(parts[3:-1:2])
        return self.grow(s.Member(parts[0], choices, self.over(parts)), parts[0], *choices)

    def exclusion(self, parts: Parts) -> s.Not:
        member = self.membership([parts[0], *parts[2:]])
        return self.grow(s.Not(member, self.over(parts)), member)

    def sum(self, parts: Parts) -> s.Expr:
        return self._chain(parts)

    def term(self, parts: Parts) -> s.Expr:
        return self._chain(parts)

    def _chain(self, parts: Parts) -> s.Expr:
        """Left to right: ``a - b - c`` is ``(a - b) - c``."""
        terms = parts[::2]
        if len(terms) > LONGEST_CHAIN:
            self.grow(s.Text("", self.over(parts)), chain=len(terms))
        node = terms[0]
        for sign, term in zip(parts[1::2], terms[1:], strict=True):
            node = s.Binary(sign.kind, node, term, self.at(terms[0]).to(self.at(term)))
        return self.grow(node, *terms, chain=len(terms) - 1, nesting=0)  # type: ignore[no-any-return]

    def sign(self, parts: Parts) -> s.Sign:
        return self.grow(s.Sign(parts[0].kind, parts[1], self.over(parts)), parts[1])

    def power(self, parts: Parts) -> s.Binary:
        base, _, exponent = parts
        return self.grow(s.Binary("^", base, exponent, self.over(parts)), base, exponent)

    def fallback(self, parts: Parts) -> s.Fallback:
        otherwise = parts[2] if len(parts) == 3 else self.sign(parts[2:])
        return self.grow(s.Fallback(parts[0], otherwise, self.over(parts)), parts[0], otherwise)

    def group(self, parts: Parts) -> s.Expr:
        """Parentheses leave no node, but they are part of the text of what they hold."""
        return self.grow(replace(parts[1], span=self.over(parts)), parts[1], chain=0)  # type: ignore[no-any-return]

    def number(self, parts: Parts) -> s.Number | s.Faulty:
        token = parts[0]
        kinds: dict[str, Literal["plain", "percent", "duration"]] = {"PERCENT": "percent", "DURATION": "duration"}
        unit = parts[1] if len(parts) > 1 else None
        if token.value is None:  # its suffix is reported
            return s.Faulty(self.over(parts))
        return s.Number(token.value, kinds.get(token.kind, "plain"), unit, self.over(parts))

    def infinite(self, parts: Parts) -> s.Infinite:
        return s.Infinite(self.at(parts[0]))

    def flag(self, parts: Parts) -> s.Flag:
        return s.Flag(parts[0].kind == "yes", self.at(parts[0]))

    def date(self, parts: Parts) -> s.Date:
        return s.Date(parts[0].value, self.at(parts[0]))

    def text(self, parts: Parts) -> s.Text:
        return self.string(parts[0])

    def path(self, parts: Parts) -> s.Path:
        return s.Path(tuple(self.name(p) for p in parts[::2]), self.over(parts))

    def call(self, parts: Parts) -> s.Call:
        arguments = tuple(self.of(parts, s.Argument))
        node = s.Call(parts[0], arguments, self.over(parts))
        return self.grow(node, *(x for a in arguments for x in (a.value, a.by, a.where)))

    def argument(self, parts: Parts) -> s.Argument:
        given: dict[str, Any] = {}
        for modifier in parts[1:]:
            if modifier.word in given:
                self.error("E020", f"`{modifier.word}` stands twice for one argument", modifier.span)
            given[modifier.word] = modifier.value
        return s.Argument(parts[0], **given, span=self.over(parts))

    def modifier(self, parts: Parts) -> Part:
        word, value = parts
        return Part(word.kind, self.name(value) if isinstance(value, Token) else value, self.over(parts))

    def draw(self, parts: Parts) -> s.Draw:
        pools = tuple(p for p in parts[2:-5] if isinstance(p, s.Path))
        by, take = parts[-4], parts[-2]
        return self.grow(s.Draw(pools, by, take, self.over(parts)), by, take)

    def solve(self, parts: Parts) -> s.Solve:
        return self.grow(s.Solve(parts[2], parts[4], self.over(parts)), parts[4])

    def claim(self, parts: Parts) -> s.Expr | s.Shape:
        return parts[0]  # type: ignore[no-any-return]

    def shape(self, parts: Parts) -> s.Shape:
        subject, word, _, variable = parts
        shapes = ("increasing", "decreasing", "convex", "continuous")
        if word.text not in shapes:
            listed = " ".join(f"`{x}`" for x in shapes)
            self.error("E020", f"`{word.text}` is not a shape", self.at(word), f"the shapes are {listed}")
        return s.Shape(subject, word.text, variable, self.over(parts))

    # -- types --------------------------------------------------------------------------------

    def type_expr(self, parts: Parts) -> s.TypeExpr:
        unit = parts[0] if isinstance(parts[0], s.UnitExpr) else None
        labels = () if unit else parts[0].value
        return s.TypeExpr(unit, labels, len(parts) > 1, self.over(parts))

    def labels(self, parts: Parts) -> Part:
        return Part("labels", tuple(self.name(t) for t in parts[1::2]), self.over(parts))

    def unit_type(self, parts: Parts) -> s.UnitExpr:
        factors = []
        for i in range(0, len(parts), 2):
            path, power = parts[i].value
            factors.append((path, -power if i and parts[i - 1].kind == "/" else power))
        return s.UnitExpr(tuple(factors), self.over(parts))

    def factor(self, parts: Parts) -> Part:
        power = parts[2].value if len(parts) > 1 else Fraction(1)
        return Part("factor", (parts[0], power), self.over(parts))

    def exponent(self, parts: Parts) -> Part:
        found = self.tokens(parts, "NUMBER")
        numbers: list[Any] = [t.value or Fraction(0) for t in found]  # None: its suffix is reported
        value = numbers[0]
        if len(numbers) > 1:
            if numbers[1] == 0:
                self.error("E020", "a power can't be divided by zero", self.over(parts))
                numbers[1] = Fraction(1)
            value = numbers[0] / numbers[1]
        return Part("power", -value if self.tokens(parts, "-") else value, self.over(parts))

    def domain(self, parts: Parts) -> s.Domain:
        span = self.over(parts)
        match parts[0].kind:
            case "in":
                return s.Domain(parts[1], parts[3], False, False, span)
            case ">" | ">=" as sign:
                return s.Domain(parts[1], None, sign == ">", False, span)
            case sign:
                return s.Domain(None, parts[1], False, sign == "<", span)

    def rule(self, parts: Parts) -> Part:
        return Part(parts[0].kind, self.number(parts[1:]), self.over(parts))

    def args(self, parts: Parts) -> Part:
        return Part("args", tuple(self.of(parts, s.Arg)), self.over(parts))

    def arg(self, parts: Parts) -> s.Arg:
        return s.Arg(self.name(parts[0]), parts[2] if len(parts) > 1 else None, self.over(parts))

    def words(self, parts: Parts) -> Part:
        groups: list[tuple[s.Name, ...]] = []
        group: list[s.Name] = []
        for part in parts:
            if isinstance(part, s.Name):
                group.append(part)
            else:
                groups.append(tuple(group))
                group = []
        return Part("words", (*groups, tuple(group)), self.over(parts))

    def word(self, parts: Parts) -> s.Name:
        return self.name(parts[0])

    # -- cells --------------------------------------------------------------------------------

    def header(self, parts: Parts) -> s.Header | s.Faulty:
        words = self.tokens(parts, "NAME")
        marks = [p.value for p in self.of(parts, Part)]
        types = self.of(parts, s.TypeExpr)
        file = self.tokens(parts, "STRING")
        said = [w.text for w in words[1:]]
        for extra in words[1:]:
            if extra.text not in ("marginal", "continuous"):
                self.error("E044", f"`{extra.text}` means nothing in a header", self.at(extra), _HEADER_HELP)
                return s.Faulty(self.over(parts))
        return s.Header(
            self.name(words[0]), marks[0] if marks else None, "marginal" in said, "continuous" in said,
            types[0] if types else None, next(iter(self.of(parts, s.Domain)), None),
            self.string(file[0]) if file else None, self.over(parts),
        )  # fmt: skip

    def match(self, parts: Parts) -> Part:
        return Part("match", parts[0].kind, self.over(parts))

    def value(self, parts: Parts) -> s.Expr:
        return parts[0]  # type: ignore[no-any-return]

    def cell(self, parts: Parts) -> s.Cell:
        return parts[0]  # type: ignore[no-any-return]

    def until(self, parts: Parts) -> s.Until:
        return s.Until(parts[1], self.over(parts))


_HEADER_HELP = (
    "after its name come a comparison, such as `>=`, or `marginal` or `continuous`, or a type: "
    "`close : ratio in 0% to 50%`"
)
