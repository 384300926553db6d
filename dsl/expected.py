"""What stands in a line where something else should: said in the language's words."""

import re

from dsl.near import nearest
from dsl.records import dataclass
from dsl.table import END
from dsl.tokens import KEYWORDS, Token


@dataclass(frozen=True, slots=True)
class Fault:
    code: str
    message: str
    at: Token | None  # None: where the line ends
    help: str | None = None


_VALUE = {
    "NAME", "NUMBER", "PERCENT", "DURATION", "DATE", "STRING", "(", "infinite", "yes", "no", "draw", "solve", "-", "+",
    "not", "if",
}  # fmt: skip
_OPERATOR = {"+", "-", "*", "/", "^", "??", "=", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not", ".", "("}
_SHOWN = {
    "NAME": "a name",
    "STRING": "text in double quotes",
    "NUMBER": "a number",
    "PERCENT": "a percentage",
    "DURATION": "a duration such as `30s`",
    "DATE": "a date such as `2026-12-01`",
    "KEY": "a row's key",
    END: "the end of the line",
}
_PLACES = {
    "until": "`until` stands in a cell of `tiers`, and in `solve`",
    "unknown": "`unknown` stands in the first column of `tiers`",
    "fresh": "`fresh` stands after the type of an input",
    "where": "`where` stands inside an aggregate, as in `sum(position.pnl where position.size > 0)`",
    "via": "`via` stands inside an aggregate, as in `sum(loan.debt via debt_market)`",
}
_HABITS = {
    "is": "equality is `=`",
    "mod": "there is no remainder; write `x - y * floor(x / y)`",
    "xor": "`a xor b` is `a != b`",
    "between": "write `x >= low and x <= high`",
    "endif": "an `if` ends with its `else` value",
    "return": "a formula is `name = value`",
    "null": "a blank is met with `x ?? value` or `known(x)`",
    "None": "a blank is met with `x ?? value` or `known(x)`",
}


def explain(tokens: list[Token], index: int, accepts: set[str], place: str = "line") -> Fault:
    """The fault at ``tokens[index]`` (the end of the line where ``index`` is their number)."""
    for special in (_keyword, _choice, _unclosed, _comma, _order, _habit, _definition):
        fault = special(tokens, index, accepts)
        if fault:
            return fault
    wanted = _listed(accepts).replace("of the line", f"of the {place}")
    if index == len(tokens):
        before = tokens[-1] if tokens else None
        after = f" after `{before.text}`" if before and before.kind in _OPERATOR else ""
        help = None
        if "NUMBER" in accepts:
            help = "a line may break only inside parentheses" if place == "line" else "a cell ends at its pipe"
        elif before and before.kind == "policy":
            help = 'write `policy "Its name"`'
        return Fault("E021", f"the {place} ends too early{after}: expected {wanted}", None, help)
    token = tokens[index]
    help = _near(token, accepts) or _mend(tokens, index, accepts)
    return Fault("E020", f"expected {wanted}, found {_found(token)}", token, help)


def _listed(accepts: set[str]) -> str:
    left = set(accepts)
    shown = []
    if {"NUMBER", "("} <= left:
        shown.append("a value")
        left -= _VALUE
    elif {"*", "+"} <= left or {"and", "!="} <= left:
        shown.append("an operator")
        left -= _OPERATOR
    if {"<", ">", "in"} <= left:
        shown.append("a range such as `> 0` or `in 0 to 1`")
        left -= {"<", ">", "<=", ">=", "in"}
    described = "an operator" in shown or "fresh" in left
    words = {**_SHOWN, "STRING": "a description in double quotes"} if described else _SHOWN
    shown += [text for type, text in words.items() if type in left and type != END]
    shown += [f"`{type}`" for type in sorted(left - _SHOWN.keys())]
    if END in left:
        shown.append(_SHOWN[END])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}" if shown else "nothing more"


def _found(token: Token) -> str:
    if token.kind == "STRING":
        return f'the text `"{token.text}"`'
    return f"the keyword `{token.text}`" if token.kind in KEYWORDS else f"`{token.text}`"


def _near(token: Token, accepts: set[str]) -> str | None:
    if token.kind in _PLACES:
        return _PLACES[token.kind]
    if token.kind in KEYWORDS:
        return "keywords are reserved: a name can't be one" if "NAME" in accepts else None
    words = [a for a in accepts if a.isalpha() and a.islower()]
    near = nearest(token.text, words, 0.75) if token.kind == "NAME" else None
    return f"write `{near}`" if near else None


def _mend(tokens: list[Token], index: int, accepts: set[str]) -> str | None:
    """What the words around the fault suggest."""
    token, before = tokens[index], tokens[index - 1] if index else None
    if token.kind == "NAME" and before and before.kind == "NAME" and accepts & {"*", "=", ":"}:
        joined = f"`{before.text}_{token.text}`"
        after = tokens[index + 1].kind if index + 1 < len(tokens) else END
        if "*" not in accepts:
            two = after == ":" or (after == "=" and "=" in accepts)
            return f"a name is one word: {joined}" if two else f"write `{before.text} : {token.text}`"
        comma = " or a comma" if "," in accepts else ""
        return f"put an operator{comma} between them, or join one name with `_`: {joined}"
    if token.kind == "NAME" and "STRING" in accepts and "NUMBER" not in accepts and index == 1:
        return f'write it in double quotes: `"{token.text}"`'
    if token.kind == "STRING" and "NAME" in accepts and token.text.isidentifier():
        return f"write it without quotes: `{token.text}`"
    if token.kind == ":" and before and before.kind == "STRING" and accepts == {END}:
        return f'the type comes before the text: `: TYPE "{before.text}"`'
    if token.kind == ")" and before and before.kind == ",":
        return "delete the comma before it"
    if token.kind == "?":
        return "write `if ... then ... else ...`" if "*" in accepts or "and" in accepts else None
    if token.kind in ("<", "<=", ">", ">=") and accepts & {"fresh", "max change"}:
        return "a range with two ends is `in LOW to HIGH`"
    if tokens[0].kind == "policy":
        return "after its name a policy may say `version 7` and `effective 2026-12-01`"
    return None


def _unclosed(tokens: list[Token], index: int, accepts: set[str]) -> Fault | None:
    """A cell that ends inside parentheses; a line's are looked at before it is read."""
    if index < len(tokens) or ")" not in accepts:
        return None
    opened: list[Token] = []
    for token in tokens:
        if token.kind == "(":
            opened.append(token)
        elif token.kind == ")" and opened:
            opened.pop()
    return Fault("E008", "`(` is never closed", opened[-1], "close it with `)`") if opened else None


def _keyword(tokens: list[Token], index: int, accepts: set[str]) -> Fault | None:
    """A keyword used as a name."""
    if index == 1 and len(tokens) > 1 and tokens[0].kind in KEYWORDS and tokens[1].kind in ("=", ":"):
        index, accepts = 0, {"NAME"}
    if index == len(tokens) or tokens[index].kind not in KEYWORDS or "NAME" not in accepts:
        return None
    after = tokens[index + 1].kind if index + 1 < len(tokens) else END
    if {"NUMBER", "("} <= accepts and after not in (":", ".", "("):
        return None
    token = tokens[index]
    help = f"keywords are reserved; choose another name, such as `{token.text}_1`"
    return Fault("E022", f"`{token.text}` is a keyword and can't be a name", token, help)


def _choice(tokens: list[Token], index: int, accepts: set[str]) -> Fault | None:
    """An ``if`` without its ``else``, or inside an operation without parentheses."""
    type = tokens[index].kind if index < len(tokens) else END
    if "else" in accepts and type in (END, ")", ",", "STRING"):
        opened = 0
        for token in reversed(tokens[:index]):
            opened += (token.kind == "else") - (token.kind == "if")
            if opened < 0:
                help = "write `if ... then ... else ...`: it gives a value either way"
                return Fault("E024", "this `if` has no `else`", token, help)
    if type == "if" and "if" not in accepts and "(" in accepts:
        help = "write `(if ... then ... else ...)`"
        return Fault("E020", "an `if` inside an operation needs parentheses", tokens[index], help)
    return None


def _comma(tokens: list[Token], index: int, accepts: set[str]) -> Fault | None:
    """``1,000`` or ``2,5`` where a comma can't separate."""
    if index in (0, len(tokens)) or tokens[index].kind != "," or index + 1 == len(tokens):
        return None
    before, comma, after = tokens[index - 1 : index + 2]
    numbers = ("NUMBER", "PERCENT")
    if before.kind not in numbers or after.kind not in numbers or before.end_pos != comma.start_pos:
        return None
    if comma.end_pos != after.start_pos:
        return None
    joined = "_" if re.fullmatch(r"[0-9]{3}.*", after.text) else "."
    whole = f"{before.text},{after.text}"
    help = f"write `{before.text}{joined}{after.text}`"
    place = Token("NUMBER", whole, before.start_pos, after.end_pos)
    return Fault("E030", f"`{whole}` has a comma inside the number", place, help)


def _order(tokens: list[Token], index: int, accepts: set[str]) -> Fault | None:
    following = [t.kind for t in tokens[index : index + 2]]
    if accepts == {"("} and index and tokens[index - 1].kind == "in" and following:
        return Fault("E020", "the choices after `in` stand in parentheses", tokens[index], "write `x in (a, b)`")
    if following[:1] == ["not"] and "(" in accepts:
        return Fault("E020", "`not` inside an operation needs parentheses", tokens[index], "write `(not ...)`")
    return None


def _habit(tokens: list[Token], index: int, accepts: set[str]) -> Fault | None:
    """Words of other languages, and keywords in capitals."""
    if index == len(tokens) or tokens[index].kind != "NAME":
        return None
    token = tokens[index]
    if token.text.lower() in accepts and token.text.lower() != token.text:
        return Fault("E026", f"`{token.text}` is not a keyword", token, f"write `{token.text.lower()}`")
    if token.text in _HABITS:
        return Fault("E020", f"`{token.text}` means nothing here", token, _HABITS[token.text])
    return None


def _definition(tokens: list[Token], index: int, accepts: set[str]) -> Fault | None:
    """Heads that are nearly right."""
    token = tokens[index] if index < len(tokens) else None
    first = tokens[0].kind if tokens else ""
    if first == "let" and accepts == {"("} and token and token.kind in ("=", ":"):
        help = "write `let f(x) = ...`; a number is a `param`"
        return Fault("E020", "a `let` is a function and needs its arguments", token, help)
    labels = any(t.kind == "one of" for t in tokens[:index])
    if labels and token and token.kind == "NAME" and "," in accepts and "+" not in accepts:
        return Fault(
            "E020", f"expected `,` before `{token.text}`", token, "labels are separated by commas: `one of A, B`"
        )
    if token and token.kind == "NUMBER" and "NAME" in accepts and "NUMBER" not in accepts:
        one = "the unit 1 is `number`: `number/asset`" if token.text == "1" else None
        return Fault("E020", f"expected {_listed(accepts)}, found `{token.text}`", token, one)
    if first == "param" and token and token.kind == "=" and accepts == {":"}:
        name = tokens[1].text
        return Fault("E020", f"the param `{name}` has no type", token, f"write `param {name} : ratio = ...`")
    if first == "use" and index == 1 and token:
        path = "".join(t.text for t in tokens[1:])
        place = Token("NAME", path, token.start_pos, tokens[-1].end_pos)
        return Fault("E020", "the file to use stands in double quotes", place, f'write `use "{path}"`')
    if "becomes" in accepts and token and token.kind == "=":
        return Fault("E020", "a rewrite is not written with `=`", token, "write `becomes`")
    if token and token.kind == ":" and index + 1 == len(tokens) and END in accepts:
        return Fault("E020", "no `:` is needed here", token, "delete it")
    if first == "param" and token is None and ":" in accepts and "=" in accepts:
        return Fault("E012", "this `param` has no value", None, "write `= 60%` after it, or `:` and dated lines below")
    return None
