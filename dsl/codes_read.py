"""Codes of faults in reading: files, text, blocks, syntax, literals, pipe rows."""

import textwrap

from dsl.records import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """``meaning`` is one paragraph, ``wrong`` and ``right`` are pieces of a policy; as text, a page."""

    code: str
    title: str
    meaning: str
    wrong: str
    right: str

    def __str__(self) -> str:
        def indented(text: str) -> str:
            return textwrap.indent(text, "    ")

        meaning = textwrap.fill(self.meaning, 100)
        return (
            f"{self.code}: {self.title}\n\n{meaning}\n\nwrong\n{indented(self.wrong)}\n\nright\n{indented(self.right)}"
        )


READING = (
    Code(
        "E001", "not UTF-8",
        "Policies and tables are UTF-8 text. Editors and spreadsheets on Windows may save UTF-16 or a national "
        "encoding instead, in which the same bytes mean other characters, so the file is not guessed at.",
        "brackets.csv saved as `Unicode Text`", "brackets.csv saved as `CSV UTF-8`",
    ),
    Code(
        "E002", "file can't be read",
        "The file is absent, is a folder, or may not be read. Paths start at the folder of the file that names "
        "them.",
        'use "bracket.policy"', 'use "brackets.policy"',
    ),
    Code(
        "E003", "too large",
        "A policy has at most 1 MiB of text, 100,000 words and signs, and 100 files; a table's file at most 64 "
        "MiB. "
        "Long tables belong into CSV files.",
        "table brackets(market):\n  ... 50,000 rows ...",
        'table brackets(market) from "brackets.csv":\n  | market = | rate |',
    ),
    Code(
        "E004", "outside the policy's folder",
        "A policy may read files beside it or below it, and the shipped library, so that a policy from elsewhere "
        "can't read the rest of the disk. Links are followed before this is decided.",
        'use "../../secret.policy"', 'use "shared/brackets.policy"\nuse "std/perpetuals"',
    ),
    Code(
        "E005", "files in a circle",
        "A file uses another that, directly or through more files, uses the first.",
        '# a.policy\nuse "b.policy"\n# b.policy\nuse "a.policy"',
        '# a.policy\nuse "common.policy"\n# b.policy\nuse "common.policy"',
    ),
    Code(
        "E006", "unknown character",
        "A character that has no meaning in the language, or that can't be seen, such as a space that doesn't break, "
        "which comes with text from a web page or a spreadsheet. Names are made of a-z, A-Z, 0-9 and _. In comments "
        "and texts too a line ends only where a line feed stands, and nothing may turn the order of what is shown.",
        "  prämie = 2%", "  praemie = 2%",
    ),
    Code(
        "E007", "text without a closing quote",
        "Text stands between double quotes and ends on the line where it begins.",
        'policy "Perpetuals', 'policy "Perpetuals"',
    ),
    Code(
        "E008", "parenthesis without its partner",
        "Every `(` needs its `)`. Inside parentheses a line may break, so an open one would swallow the lines "
        "below it.",
        "  equity = (collateral + pnl", "  equity = (collateral + pnl)",
    ),
    Code(
        "E009", "expression too deep or too long",
        "An expression has at most 100 levels of nesting and 500 terms in a row, so that reading it always ends.",
        "  x = ((((((...))))))", "  part = a + b\n  x = part * 2",
    ),
    Code(
        "E010", "unknown statement",
        "A line in column one starts a statement, and its first word says which.",
        "entitty account:", "entity account:",
    ),
    Code(
        "E011", "wrong indentation",
        "Statements start in column one. What belongs to one is indented below it, each line of a block alike, "
        "with spaces or with tabs but not with both. A line may break only inside parentheses.",
        "entity account:\n  debt : USD\n    equity : USD", "entity account:\n  debt : USD\n  equity : USD",
    ),
    Code(
        "E012", "something missing at the end of a line",
        "A statement that others are indented below ends with `:`. A param needs one value, or dated values, "
        "not both.",
        "entity account\n  debt : USD", "entity account:\n  debt : USD",
    ),
    Code(
        "E013", "nothing in it",
        "A file, a block, or the rows of a table are missing; a test that expects nothing shows nothing.",
        "entity account:\n\nunit USD", "entity account:\n  debt : USD\n\nunit USD",
    ),
    Code(
        "E014", "column outside an entity",
        "Inputs and formulas belong to the rows of an entity and stand indented below it.",
        "equity = collateral - debt", "entity account:\n  equity = collateral - debt",
    ),
    Code(
        "E015", "policy line out of place",
        "The `policy` line stands first, and once. A file that others use may leave it out.",
        'unit USD\npolicy "Loans"', 'policy "Loans"\nunit USD',
    ),
    Code(
        "E016", "line that can't stand here",
        "Pipe rows belong to `table`, `curve`, `tiers`, `grid` and `given`, and those hold nothing else.",
        "curve fee(h: ratio) linear, flat outside:\n  | h | fee |\n  80% 10%",
        "curve fee(h: ratio) linear, flat outside:\n  | h | fee |\n  | 80% | 10% |",
    ),
    Code(
        "E020", "unexpected word or sign",
        "The line makes sense up to the marked place; the message says what could stand there.",
        "  equity = collateral pnl", "  equity = collateral + pnl",
    ),
    Code(
        "E021", "line ends too early",
        "Something is missing at the end. A line may break only inside parentheses.",
        "  equity = collateral +\n    pnl", "  equity = (collateral +\n    pnl)",
    ),
    Code(
        "E022", "keyword as a name",
        "The language's own words are reserved.",
        "  table : USD", "  table_size : USD",
    ),
    Code(
        "E023", "chained comparison",
        "A comparison has two sides and gives yes or no, which can't be compared with a number again.",
        "  soft = 1 < health < 2", "  soft = 1 < health and health < 2",
    ),
    Code(
        "E024", "if without else",
        "An `if` is a value, so it needs one for either case.",
        "  fee = if health < 1 then 5%", "  fee = if health < 1 then 5% else 0%",
    ),
    Code(
        "E025", "operator of another language",
        "Equality is `=`, inequality `!=`, power `^`, and conditions join with the words `and`, `or`, `not`.",
        "  bad = health == 1 && debt <> 0", "  bad = health = 1 and debt != 0",
    ),
    Code(
        "E026", "keyword in another form",
        "Keywords are in lower case. The values of a flag are `yes` and `no`; a second condition is `else if`.",
        "  bad = health < 1 AND debt > 0", "  bad = health < 1 and debt > 0",
    ),
    Code(
        "E027", "wrong quotes",
        'Text stands between straight double quotes. Word processors put in curly ones.',
        "policy “Loans”", 'policy "Loans"',
    ),
    Code(
        "E028", "semicolon",
        "A line ends where it ends.",
        "  equity = collateral - debt;", "  equity = collateral - debt",
    ),
    Code(
        "E029", "misplaced percent sign",
        "`%` belongs to the number before it, without a space. It is no operator.",
        "  fee = 10 %", "  fee = 10%",
    ),
    Code(
        "E030", "comma inside a number",
        "Commas separate arguments, so they can't group digits. Underscores can; the decimal point is a point.",
        "  cap = 1,000", "  cap = 1_000",
    ),
    Code(
        "E031", "unknown suffix",
        "A number may end with `k` `M` `bn` (thousand, million, billion), `%` `bps`, or `s` `min` `h` `d`. "
        "Others are refused, because `m` may mean a thousandth, a million, a minute or a month.",
        "  cap = 50K", "  cap = 50k",
    ),
    Code(
        "E032", "number out of bounds",
        "A number has at most 60 digits and an exponent of at most 300, because numbers are read exactly.",
        "  cap = 1e999", "  cap = infinite",
    ),
    Code(
        "E033", "not a date",
        "Dates are `2026-12-01`, instants `2026-12-01T07:30Z`, in UTC.",
        "  start = 2026-13-01", "  start = 2026-12-01",
    ),
    Code(
        "E034", "number without its digits",
        "A number begins with a digit and has at most one point, with a digit after it.",
        "  fee = .5", "  fee = 0.5",
    ),
    Code(
        "E035", "character that only looks right",
        "A minus sign of typography, a multiplication sign or digits of another script stand where plain ones "
        "should.",
        "  x = a − b", "  x = a - b",
    ),
    Code(
        "E036", "not a single value",
        "`--set name=value` takes a number, date, flag, text or label; formulas belong into the policy.",
        "--set buffer=1+2", "--set buffer=130%",
    ),
    Code(
        "E040", "row of another length",
        "Every row has as many cells as the header above it.",
        "  | market = | rate |\n  | BTC |", "  | market = | rate |\n  | BTC | 1% |",
    ),
    Code(
        "E041", "blank cell",
        "A blank has no meaning in a table, curve or tiers. In the `given` rows of a test it is a blank cell of "
        "the snapshot.",
        "  | BTC | |", "  | BTC | 0% |",
    ),
    Code(
        "E042", "row without its outer pipe",
        "A pipe row begins and ends with a pipe.",
        "  | BTC | 1%", "  | BTC | 1% |",
    ),
    Code(
        "E043", "row with tabs",
        "Rows pasted from a spreadsheet are separated by tabs. `softliq fmt` turns them into pipe rows.",
        "  BTC\t1%", "  | BTC | 1% |",
    ),
    Code(
        "E044", "faulty header",
        "A header is a name, then perhaps a comparison, `marginal` or `continuous`, a type with its range, and the "
        "column's name in a file.",
        "  | notional from |", '  | notional >= "notional_from" |',
    ),
    Code(
        "E045", "not a tier's name",
        "Tiers are named in formulas, checks and tests, so their names are names: letters, digits and _.",
        "  | 100% | very healthy |", "  | 100% | very_healthy |",
    ),
    Code(
        "E051", "column missing in a table's file",
        "Columns are found by the header's name, or by the text that the header gives.",
        "  | notional >= |", '  | notional >= "notional_from" |',
    ),
    Code(
        "E052", "column twice in a table's file",
        "A column that is read must have one name of its own.",
        "market,rate,rate", "market,rate,old_rate",
    ),
    Code(
        "E053", "row of another length in a table's file",
        "Every row of a CSV file has as many cells as its header; a comma inside a cell needs quotes around the "
        "cell.",
        "market,rate\nBTC,0,01", "market,rate\nBTC,0.01",
    ),
    Code(
        "E054", "table's file without rows",
        "The file has no header, or no row below it.",
        "market,rate", "market,rate\nBTC,0.01",
    ),
    Code(
        "E055", "table's file can't be read",
        "The file isn't CSV as spreadsheets write it, or many of its cells are faulty.",
        'market,rate\n"BTC,0.01', 'market,rate\n"BTC",0.01',
    ),
)  # fmt: skip
