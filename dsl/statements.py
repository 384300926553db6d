"""The lines that are not expressions, as nodes: heads of statements and the lines inside their blocks."""

from typing import Any

from dsl import syntax as s
from dsl.build import Builder
from dsl.parts import Part, Parts
from dsl.records import dataclass
from dsl.tokens import Token


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """The first line of a policy."""

    title: str | None
    version: Any
    effective: s.Date | None
    description: str = ""


class LineBuilder(Builder):
    """One method per rule of the grammar for whole lines; blocks fill in ``members``, ``rows`` and ``lines`` later."""

    def statement(self, parts: Parts) -> Any:
        return parts[0]

    def member(self, parts: Parts) -> Any:
        return parts[0]

    def grid_line(self, parts: Parts) -> Any:
        return parts[0]

    def test_line(self, parts: Parts) -> Any:
        return parts[0]

    # -- heads --------------------------------------------------------------------------------

    def policy(self, parts: Parts) -> PolicyLine:
        version = effective = None
        for clause in self.of(parts, Part):
            token = clause.value
            if clause.word == "version" and token.kind == "NUMBER":
                version = token.value
            elif clause.word == "effective" and token.kind == "DATE":
                effective = s.Date(token.value, self.at(token))
            else:
                help = "after its name a policy may say `version 7` and `effective 2026-12-01`"
                self.error("E020", f"`{clause.span.text}` means nothing here", clause.span, help)
        return PolicyLine(parts[1].text, version, effective)

    def clause(self, parts: Parts) -> Part:
        return Part(parts[0].text, parts[1], self.over(parts))

    def use(self, parts: Parts) -> s.Use:
        return s.Use(self.string(parts[1]), self.over(parts))

    def unit(self, parts: Parts) -> s.Unit:
        return s.Unit(self.name(parts[1]), self.over(parts))

    def entity(self, parts: Parts) -> s.Entity:
        once, groups, by = False, None, ()
        for kind in self.of(parts, Part):
            once, groups, by = kind.value
        return s.Entity(self.name(parts[1]), (), self.description(parts), once, groups, by, self.over(parts))

    def kind(self, parts: Parts) -> Part:
        word = parts[0]
        if len(parts) > 1 and word.text == "groups":
            return Part("kind", (False, self.name(parts[1]), tuple(self.of(parts, s.Path))), self.over(parts))
        if len(parts) > 1 or word.text != "once":
            help = "an entity is plain, `once`, or `groups position by account`"
            self.error("E020", f"`{word.text}` is not a kind of entity", self.at(word), help)
        return Part("kind", (word.text == "once", None, ()), self.over(parts))

    def note(self, parts: Parts) -> Token | None:
        return parts[0] if parts else None

    def details(self, parts: Parts) -> Part | None:
        """The range, the rules and the default after a type."""
        present = [p for p in parts if p is not None]
        return Part("details", tuple(parts), self.over(present)) if present else None

    def bounds(self, parts: Parts) -> s.Domain | None:
        return parts[0] if parts else None

    def rules(self, parts: Parts) -> Part | None:
        return Part("rules", tuple(parts), self.over(parts)) if parts else None

    def default(self, parts: Parts) -> Part | None:
        return Part("default", parts[1], self.over(parts)) if parts else None

    def _details(self, parts: Parts, allowed: str) -> tuple[s.Domain | None, s.Number | None, Part | None]:
        """The range, the value of the rule that is ``allowed`` here, and the default."""
        domain, rules, default = next((p.value for p in self.of(parts, Part)), (None, None, None))
        found = None
        for rule in rules.value if rules else ():
            if rule.word == allowed and found is None:
                found = rule.value
            elif rule.word == allowed:
                self.error("E020", f"`{allowed}` stands twice", rule.span, "delete one")
            else:
                where = "an input" if rule.word == "fresh" else "a param"
                self.error("E020", f"`{rule.word}` belongs to {where}", rule.span, "delete it")
        return domain, found, default

    def param(self, parts: Parts) -> s.Param:
        domain, change, default = self._details(parts, "max change")
        return s.Param(
            self.name(parts[1]), parts[3], domain, change, default.value if default else None, (),
            self.description(parts), self.over(parts),
        )  # fmt: skip

    @staticmethod
    def _is(part: Any, type: str) -> bool:
        return isinstance(part, Token) and part.kind == type

    def _args(self, parts: Parts) -> tuple[s.Arg, ...]:
        return next((p.value for p in self.of(parts, Part) if p.word == "args"), ())

    def _words(self, parts: Parts) -> tuple[tuple[s.Name, ...], ...]:
        return next((p.value for p in self.of(parts, Part) if p.word == "words"), ())

    def function(self, parts: Parts) -> s.Function:
        name, args, body = self.name(parts[1]), self._args(parts), parts[6]
        return s.Function(name, args, body, self.description(parts[7:]), self.over(parts))

    def table(self, parts: Parts) -> s.Table:
        strings = self.tokens(parts, "STRING")
        file = self.string(strings.pop(0)) if self.tokens(parts, "from") else None
        description = strings[0].text if strings else ""
        name, args = self.name(parts[1]), self._args(parts)
        return s.Table(name, args, self._words(parts), file, (), (), description, self.over(parts))

    def curve(self, parts: Parts) -> s.Curve | None:
        name, args = self.name(parts[1]), self._args(parts)
        if len(args) > 1:
            help = "a curve has one argument; a surface is a `table` with two `~` keys"
            self.error("E020", f"the curve `{name.text}` has {len(args)} arguments", args[1].span, help)
            return None
        equals = next((i for i, p in enumerate(parts) if self._is(p, "=")), None)
        formula = parts[equals + 1] if equals is not None else None
        description = self.description(parts[(equals or 0) + 2 :] if equals else parts)
        return s.Curve(name, args[0], self._words(parts), (), (), formula, description, self.over(parts))

    def tiers(self, parts: Parts) -> s.Tiers:
        return s.Tiers(self.name(parts[1]), (), (), self.description(parts), self.over(parts))

    def effect(self, parts: Parts) -> s.Effect:
        return s.Effect((), self.over(parts))

    def scenario(self, parts: Parts) -> s.Scenario:
        return s.Scenario(self.name(parts[1]), self._args(parts), (), self.description(parts), self.over(parts))

    def grid(self, parts: Parts) -> s.Grid:
        return s.Grid(self.name(parts[1]), (), (), (), (), self.description(parts), self.over(parts))

    def on(self, parts: Parts) -> Part:
        if parts[0].text != "on":
            self.error("E020", f"`{parts[0].text}` means nothing here", self.at(parts[0]), "write `on` and an entity")
        return Part("on", self.name(parts[1]), self.over(parts))

    def _on(self, parts: Parts) -> s.Name | None:
        return next((p.value for p in self.of(parts, Part) if p.word == "on"), None)

    def law(self, parts: Parts) -> s.Law:
        return s.Law(parts[1].text, self._on(parts), parts[-1], self.over(parts))

    def check(self, parts: Parts) -> s.Check:
        word = parts[1] if parts[1].kind == "NAME" else None
        if word and word.text != "warn":
            self.error("E020", f"`{word.text}` means nothing here", self.at(word), "write `check` or `check warn`")
        text = self.tokens(parts[1:3], "STRING")[0].text
        return s.Check(text, word is not None, self._on(parts), parts[-1], self.over(parts))

    def test(self, parts: Parts) -> s.Test:
        return s.Test(parts[1].text, (), (), self.over(parts))

    # -- lines inside a block -----------------------------------------------------------------

    def input(self, parts: Parts) -> s.Input:
        name = self.name(parts[0])
        domain, fresh, default = self._details(parts, "fresh")
        if default:
            help = "an input comes from the snapshot; where it may be blank write `?` after its type, and "
            help += f"`{name.text} ?? {default.value.span.text}` where it is used"
            self.error("E020", f"the input `{name.text}` has a value", default.span, help)
        return s.Input(name, parts[2], domain, fresh, self.description(parts), self.over(parts))

    def formula(self, parts: Parts) -> s.Formula:
        return s.Formula(self.name(parts[0]), parts[2], self.description(parts[3:]), self.over(parts))

    def dated(self, parts: Parts) -> s.Dated:
        return s.Dated(s.Date(parts[1].value, self.at(parts[1])), parts[3], self.over(parts))

    def becomes(self, parts: Parts) -> s.Becomes:
        return s.Becomes(parts[0], parts[2], self.over(parts))

    def axis(self, parts: Parts) -> s.Axis:
        name, values = self.name(parts[0]), parts[2::2]
        if self._is(parts[-2], "by"):
            return s.Axis(name, tuple(values[:2]), values[2], self.over(parts))
        return s.Axis(name, tuple(values), None, self.over(parts))

    def given(self, parts: Parts) -> s.Given:
        as_of = s.Date(parts[2].value, self.at(parts[2])) if len(parts) > 2 else None
        return s.Given(self.name(parts[1]), (), (), as_of, self.over(parts))

    def cases(self, parts: Parts) -> s.Cases | None:
        word = parts[0]
        if word.text != "each":
            help = "a test has `given …` and `expect …`, and `each` above the rows of its cases"
            self.error("E020", f"`{word.text}` means nothing here", self.at(word), help)
            return None
        return s.Cases((), (), self.over(parts))

    def expect(self, parts: Parts) -> s.Expect:
        entity, key = self.name(parts[1]), parts[2]
        word = s.Word("", self.at(key)) if self._is(key, ":") else s.Word(key.text, self.at(key))
        return s.Expect(entity, word, tuple(self.of(parts, s.Expectation)), self.over(parts))

    def expectation(self, parts: Parts) -> s.Expectation:
        return s.Expectation(parts[0], parts[2] if len(parts) > 1 else None, self.over(parts))
