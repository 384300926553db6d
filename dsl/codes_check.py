"""What each code of the checker means: title, explanation, a wrong and a right example."""

from dsl.codes_read import Code

CHECKING: tuple[Code, ...] = (
    # names
    Code(
        "E100", "no policy line",
        "A policy starts with its name, so that a report can say whose rules it shows. Files that are only used by "
        "others may leave it out.",
        "unit USD", 'policy "Perpetuals"\n\nunit USD',
    ),
    Code(
        "E101", "declared twice",
        "A name means one thing. Top-level names share one namespace; an entity's columns, a table's columns and a "
        "function's arguments have one each.",
        "param fee : ratio = 1%\nparam fee : ratio = 2%", "param fee : ratio = 1%\nparam late_fee : ratio = 2%",
    ),
    Code(
        "E102", "a name of the language",
        "Keywords, types and built-in functions can't be declared again.",
        "param max : number = 1", "param most : number = 1",
    ),
    Code(
        "E103", "column reuses a top-level name",
        "A column may not bear the name of a param, function, table, curve, unit or entity, because a formula could "
        "not tell them apart. Only a link may be named as its entity.",
        "param fee : ratio = 1%\nentity account:\n  fee = cash * 1%",
        "param fee_rate : ratio = 1%\nentity account:\n  fee = cash * fee_rate",
    ),
    Code(
        "E104", "tiers twice",
        "An entity has one `tiers`, so that each row is in one tier.",
        "tiers account: …\ntiers account: …", "tiers account: …",
    ),
    Code(
        "E105", "no such entity",
        "`tiers` and `check … on` name an entity of the policy.",
        'check "solvent" on accounts: equity > 0', 'check "solvent" on account: equity > 0',
    ),
    Code(
        "E106", "label twice",
        "An enumeration lists each label once.",
        "venue : one of spot, perp, spot", "venue : one of spot, perp",
    ),
    Code(
        "E107", "freshness column declared",
        "`fresh` reads the instants of a column `x` from `x_at`, which is there without being declared.",
        "mark : USD > 0 fresh 30s\nmark_at : date", "mark : USD > 0 fresh 30s",
    ),
    Code(
        "E108", "key declared",
        "An entity's key is the column that bears the entity's name; it is there without being declared.",
        "entity account:\n  account : text", "entity account:\n  cash : USD",
    ),
    Code(
        "E109", "column of causes",
        "In files of results an unknown cell is blank, and the column `x_cause` beside `x` says why. So an entity with "
        "a column `x` has no other of that name.",
        "fee       = 2%\nfee_cause : text", "fee        = 2%\nfee_reason : text",
    ),
    Code(
        "E110", "circle",
        "Definitions can't lean on themselves, at once or through others; the message shows the whole circle.",
        "equity = margin * 2\nmargin = equity / 2", "equity = cash + pnl\nmargin = equity / 2",
    ),
    Code(
        "E111", "no such name or column",
        "A bare name is a column of the row at hand, an argument, or a param; a dotted one starts at a link, or "
        "inside an aggregate at the inner row.",
        "equity = colateral", "equity = collateral",
    ),
    Code(
        "E112", "not a link",
        "Only a column whose type is an entity can be read through.",
        "value = cash.mark", "value = market.mark",
    ),
    Code(
        "E113", "an entity is no value",
        "An entity has columns; a formula needs one of them.",
        "total = system + 1", "total = system.pool + 1 USD",
    ),
    Code(
        "E114", "a function is no value",
        "Functions, tables and curves are called with their arguments.",
        "equity = abs + 1", "equity = abs(cash) + 1 USD",
    ),
    Code(
        "E115", "a body sees no columns",
        "The bodies of `let`, `curve` and `table` see their arguments, params and functions, so that they mean the "
        "same wherever they are called.",
        "let load(x) = x * leverage", "let load(x, leverage) = x * leverage",
    ),
    Code(
        "E116", "many rows where one value is meant",
        "An entity that links here has many rows for one of these: aggregate them. One that is linked from here is "
        "read through the link's name.",
        "equity = cash + position.pnl", "equity = cash + sum(position.pnl)",
    ),
    Code(
        "E117", "no such label",
        "A value of an enumeration is one of its labels.",
        "share(account.tier = shutt)", "share(account.tier = shut)",
    ),
    Code(
        "E118", "no such function",
        "What is called is a built-in, a function, a curve or a table of the policy.",
        "sqr(x)", "sqrt(x)",
    ),
    Code(
        "E119", "wrong number of arguments",
        "A call hands over exactly the arguments that the function has.",
        "clamp(x, 0)", "clamp(x, 0, 1)",
    ),
    Code(
        "E120", "where outside an aggregate",
        "`where`, `via`, `by` and `over` follow the argument of an aggregate only.",
        "abs(cash where cash > 0)", "sum(position.pnl where position.size > 0)",
    ),
    Code(
        "E121", "which value of the table",
        "A table with several value columns is called with the name of one.",
        "brackets(market, notional)", "brackets.rate(market, notional)",
    ),
    Code(
        "E122", "aggregate in a body",
        "Functions, curves and tables see no rows, so they can't aggregate.",
        "let total(x) = x + sum(position.pnl)", "equity = total(cash, sum(position.pnl))",
    ),
    Code(
        "E123", "rows where values are meant",
        "`sum`, `min`, `max` and `mean` take a value of each row; `count` may take the rows themselves.",
        "sum(position)", "sum(position.pnl)",
    ),
    Code(
        "E124", "nothing to run over",
        "Inside an aggregate the inner row's columns bear their entity's name; a bare name is this row's.",
        "sum(pnl)", "sum(position.pnl)",
    ),
    Code(
        "E125", "no link leads here",
        "An aggregate runs over the rows that link to this one, at once or through a chain.",
        "entity account:\n  total = sum(market.mark)", "entity account:\n  total = sum(position.notional)",
    ),
    Code(
        "E126", "two entities in one aggregate",
        "An aggregate runs over the rows of one entity.",
        "sum(position.pnl + order.margin)", "sum(position.pnl) + sum(order.margin)",
    ),
    Code(
        "E127", "which link",
        "Where an entity links here in several ways, `via` chooses one; it names a link that ends at this entity.",
        "sum(loan.debt)", "sum(loan.debt via debt_market)",
    ),
    Code(
        "E128", "link and one row",
        "An entity with one row (`once`) is read from anywhere by its name, so nothing links to it and it links to "
        "nothing.",
        "system : system", "room = system.pool - debt",
    ),
    Code(
        "E129", "a function that grows too large",
        "A function that calls another twice doubles it; sixty such steps outgrow every machine. A formula is "
        "computed once, however often it is read.",
        "let f(x) = g(x) + g(x)   # and so on, sixty deep", "a formula for each step",
    ),
    # types and units
    Code(
        "E201", "no such type or unit",
        "A type is ratio, number, duration, date, text, flag, `one of`, an entity (a link), or a product of "
        "declared units. A unit declared in an entity is different for each of its rows.",
        "cash : USDT", "unit USDT\n\nentity account:\n  cash : USDT",
    ),
    Code(
        "E202", "unit through something that is no link",
        "The unit `market.asset` is the asset of the row that the link `market` leads to.",
        "size : markets.asset", "size : market.asset",
    ),
    Code(
        "E203", "wrong type",
        "Every place needs a type; the message names both, and the factor that would mend a unit where there is one.",
        "if cash then 1 else 0", "if cash > 0 then 1 else 0",
    ),
    Code(
        "E204", "range of something without order",
        "Only numbers and dates have ranges.",
        "name : text > 0", "name : text",
    ),
    Code(
        "E205", "different units added",
        "What is added or subtracted has one unit. Sizes of different markets count different assets: multiply by "
        "the mark price first.",
        "size + cash", "size * market.mark + cash",
    ),
    Code(
        "E206", "division by zero",
        "The divisor is the literal 0.",
        "cash / 0", "cash / 2",
    ),
    Code(
        "E207", "different types compared",
        "Both sides of a comparison have one type and unit; a literal 0 goes with every unit.",
        "cash > 100", "cash > 100 USD",
    ),
    Code(
        "E208", "power that is no plain constant",
        "The unit of a power must be known before any row is read, so its exponent is a number as written, or (for "
        "a plain number) made of params.",
        "cash ^ x", "exp(x * ln(y))",
    ),
    Code(
        "E209", "no order",
        "Texts, labels, flags and links are equal or not; they have no order.",
        "account < other", "account = other",
    ),
    Code(
        "E210", "branches of different types",
        "Whichever branch is taken, the result has one type and unit.",
        "if cash > 0 then cash else 1", "if cash > 0 then cash else 1 USD",
    ),
    Code(
        "E211", "arguments of different units",
        "`min`, `max`, `clamp` and the like choose among values of one unit.",
        "max(cash, 1)", "max(cash, 1 USD)",
    ),
    Code(
        "E212", "key that is no text",
        "A key column with `=` is matched by the text of a link, a text or a label.",
        "rates(size)", "rates(market)",
    ),
    Code(
        "E213", "different units in an aggregate",
        "Every market counts its own asset, so sizes of different markets can't be added; through the market's own "
        "link they can.",
        "sum(position.size)", "sum(position.size * position.market.mark)",
    ),
    Code(
        "E214", "freshness of no time",
        "`fresh` takes a duration above zero.",
        "mark : USD > 0 fresh 0s", "mark : USD > 0 fresh 30s",
    ),
    # missing data
    Code(
        "E301", "a blank without an answer",
        "A column marked `?` may be blank by nature. Every use says what a blank means: by `??`, or under a guard "
        "`known(…)`.",
        "pnl = move + funding", "pnl = move + (funding ?? 0)",
    ),
    Code(
        "E302", "nothing to fall back from",
        "`??` and `known` are about blanks of optional columns and tables without a row. They never hide a faulty "
        "cell.",
        "cash ?? 0", "funding ?? 0",
    ),
    Code(
        "E303", "tiers without an unknown row",
        "A value that can't be known is neither healthy nor liquidated. Tiers that can meet one say where it goes.",
        "| other | shut | 100% |", "| other   | shut | 100% |\n| unknown | hold | 0%   |",
    ),
    # tables, curves, tiers
    Code(
        "E401", "keys of a table",
        "Every argument of a table that has a column is a key with its comparison in the header, and every key is "
        "an argument.",
        "| notional | rate |", "| notional >= | rate |",
    ),
    Code(
        "E402", "an empty table",
        "A table has a value column and at least one row.",
        "| market = |", "| market = | rate |\n| other    | 1%   |",
    ),
    Code(
        "E403", "label without a row",
        "A table that is called with an enumeration has a row for each label, or `other`.",
        "| spot | 10% |", "| spot  | 10% |\n| other | 20% |",
    ),
    Code(
        "E404", "outside not stated",
        "Beyond its points a curve (or a table with `~`) is flat, extended or unknown. There is no hidden default.",
        "curve fee(h: ratio) linear:", "curve fee(h: ratio) linear, flat outside:",
    ),
    Code(
        "E405", "place and number of interpolated keys",
        "One key or two are interpolated with `~`, and they stand after the others.",
        "| x ~ | market = | y |", "| market = | x ~ | y |",
    ),
    Code(
        "E406", "a word that says nothing",
        "The words after a curve's or table's arguments are few and fixed.",
        "linear, flat, falling", "linear, flat outside, decreasing",
    ),
    Code(
        "E407", "a cell that can't stand here",
        "`other` and `unknown` have their places: `other` among names and as the last tier, `unknown` in tiers.",
        "| other | 2% |   # under notional >=", "| 0 | 2% |",
    ),
    Code(
        "E408", "not a constant",
        "Bounds, points and marginal rates are made of numbers and params, so that gaps and overlaps can be proved "
        "before any row is read.",
        "| 2 * notional | 1% |", "| large | 1% |   # a param",
    ),
    Code(
        "E409", "cells of different types",
        "A column of a table or curve has one type and unit.",
        "| 10% |\n| 2k USD |", "| 10% |\n| 12% |",
    ),
    Code(
        "E410", "the same keys twice",
        "One key leads to one row.",
        "| BTC | 0 | 1% |\n| BTC | 0 | 2% |", "| BTC | 0 | 1% |\n| BTC | 50k | 2% |",
    ),
    Code(
        "E411", "table bounds can meet",
        "Bounds made of params keep their order for every allowed value of the params.",
        "param large : USD in 10k to 100k = 60k   # beside a bound of 50k", "param large : USD in 60k to 100k = 60k",
    ),
    Code(
        "E412", "marginal without bounds",
        "A marginal column takes each slice between two bounds at its own rate, so it needs one key by `>=`.",
        "| market = | margin marginal |", "| market = | notional >= | margin marginal |",
    ),
    Code(
        "E413", "marginal not from 0",
        "The slices of a marginal column start at 0, so that every part has its rate.",
        "| 1k | 1% |", "| 0  | 0% |\n| 1k | 1% |",
    ),
    Code(
        "E414", "a hole in the surface",
        "A table with two `~` keys has a row for every combination of their values.",
        "| 0.8 | 30d | 80% |\n| 1.2 | 90d | 50% |", "all four of 0.8 and 1.2, 30d and 90d",
    ),
    Code(
        "E415", "a point at infinity",
        "Between two points of a curve, or two rows of a table by `~`, the value is interpolated, and nothing lies "
        "half way to infinity. What holds beyond the last point is said by `flat outside` and the like. A param that "
        "makes such a point can't be infinite either.",
        "| notional ~ | rate |\n| 0          | 1%   |\n| infinite   | 2%   |",
        "| notional ~ | rate |\n| 0          | 1%   |\n| 10M        | 2%   |",
    ),
    Code(
        "E420", "a curve of something that is no number",
        "A curve maps one number to one number.",
        "curve fee(h: flag)", "curve fee(h: ratio)",
    ),
    Code(
        "E421", "formula with words of points",
        "A curve by a formula is defined everywhere; how points are joined says nothing of it.",
        "curve fee(h: ratio) linear = h * 2", "curve fee(h: ratio) = h * 2",
    ),
    Code(
        "E422", "how points are joined",
        "A curve by points says linear, step, smooth or logarithmic.",
        "curve fee(h: ratio) flat outside:", "curve fee(h: ratio) linear, flat outside:",
    ),
    Code(
        "E423", "columns of a curve",
        "A curve's pipe rows hold its argument and its value.",
        "| health | fee |   # of fee(h: ratio)", "| h | fee |",
    ),
    Code(
        "E424", "too few points",
        "A line needs two points; a step needs one.",
        "| 100% | 2% |", "| 100% | 2% |\n| 110% | 1% |",
    ),
    Code(
        "E425", "points at one place",
        "A curve has one value at each place; points made of params keep their order for every allowed value.",
        "| 100% | 2% |\n| 1.0 | 3% |", "| 100% | 2% |\n| 110% | 3% |",
    ),
    Code(
        "E426", "logarithm of zero",
        "A logarithmic curve is linear in ln x, so its points stand above zero.",
        "| 0 | 2% |", "| 1 | 2% |",
    ),
    Code(
        "E427", "a promise is broken",
        "The words increasing, decreasing, convex and continuous are proved; this one is refuted at the place shown.",
        "| 100% | 2% |\n| 110% | 3% |   # decreasing", "| 100% | 2% |\n| 110% | 1% |",
    ),
    Code(
        "E430", "tiers without names",
        "The column `tier` names the tiers; the names form an enumeration.",
        "| health >= | close |", "| health >= | tier | close |",
    ),
    Code(
        "E431", "what tiers go by",
        "Tiers go by bounds on one number (the comparison stands in the header) or, under `when`, by conditions.",
        "| health | tier |", "| health >= | tier |",
    ),
    Code(
        "E432", "two comparisons in tiers",
        "Only the first column of tiers decides.",
        "| health >= | tier | close >= |", "| health >= | tier | close |",
    ),
    Code(
        "E434", "outside the column's range",
        "A tier's column is a ratio from 0% to 100% unless its header says otherwise.",
        "| other | shut | 120% |", "| other | shut | 100% |",
    ),
    Code(
        "E435", "row twice",
        "`other` and `unknown` stand once.",
        "| other | soft | 10% |\n| other | shut | 100% |", "| 0 | soft | 10% |\n| other | shut | 100% |",
    ),
    Code(
        "E436", "unreachable row",
        "The first row that holds wins; a row that no value can reach is a mistake in the order or in the bounds.",
        "| 0 | fine |\n| 100 | rich |   # by >=", "| 100 | rich |\n| 0 | fine |",
    ),
    Code(
        "E437", "a gap in the tiers",
        "`other` says what holds for the rest.",
        "| 0 | fine | 0% |", "| 0     | fine | 0%   |\n| other | shut | 100% |",
    ),
    Code(
        "E438", "bounds cross for some params",
        "Bounds made of params keep their order for every allowed value of the params.",
        "param buffer : ratio in 100% to 200% = 130%   # below a bound of 150%",
        "param buffer : ratio in 110% to 150% = 130%",
    ),
    # params
    Code(
        "E501", "type of a param",
        "A param is a number with a unit, a flag, a text, a date or a label; it is never blank.",
        "param step : number? = 1", "param step : number = 1",
    ),
    Code(
        "E503", "not a constant",
        "A param's values and every range are constants.",
        "param b : number = a * 2", "let b() = a * 2",
    ),
    Code(
        "E504", "outside its own range",
        "A value stands in the range that is declared beside it, and a number of 64 bits can hold it.",
        "param buffer : ratio in 110% to 150% = 1.6", "param buffer : ratio in 110% to 150% = 1.3",
    ),
    Code(
        "E505", "versions out of order",
        "Dated versions stand in order, one for each date.",
        "from 2026-12-01 = 130%\nfrom 2026-01-01 = 125%", "from 2026-01-01 = 125%\nfrom 2026-12-01 = 130%",
    ),
    Code(
        "E506", "too large a change",
        "`max change` bounds how far one version may move from the version before, relative to it.",
        "max change 10%: 120%, then 140%", "max change 10%: 120%, then 130%",
    ),
    Code(
        "E507", "an empty range",
        "The lower bound comes first.",
        "in 150% to 110%", "in 110% to 150%",
    ),
    # tests
    Code(
        "E601", "given twice",
        "A test gives each entity once, each column once and each key once.",
        "given account\n  | account | cash |\n  | a1      | 1    |\n  | a1      | 2    |",
        "given account\n  | account | cash |\n  | a1      | 1    |\n  | a2      | 2    |",
    ),
    Code(
        "E602", "not a cell that can be given",
        "A test gives keys and inputs, as a snapshot would; formulas are computed.",
        "given account\n  | account | equity |", "given account\n  | account | cash |",
    ),
    Code(
        "E603", "expected of a row that isn't given",
        "An expectation is about one of the rows that the test gives.",
        "expect account a2: cash = 1   # only a1 is given", "expect account a1: cash = 1",
    ),
    Code(
        "E604", "within what",
        "`within` says how far the two sides of a comparison may lie from each other, in their own unit.",
        "expect account a1: health = 125% within -1", "expect account a1: health = 125% within 0.1%",
    ),
    Code(
        "E605", "a given cell that is no number",
        "A number's cell holds a literal as everywhere in a policy, or nothing: then it is missing.",
        "| a1 | 6O% |", "| a1 | 60% |",
    ),
    Code(
        "E800", "no such case",
        "`each.x` reads the column `x` of the rows below `each`, in a test that has them.",
        "each\n  | cash |\n  | 4525 |\ngiven account\n  | account | cash      |\n  | a1      | each.csah |",
        "each\n  | cash |\n  | 4525 |\ngiven account\n  | account | cash      |\n  | a1      | each.cash |",
    ),
    Code(
        "E801", "cases twice",
        "A test has one `each`, and its header names each column once.",
        "each\n  | cash | cash |\n  | 4525 | 4250 |", "each\n  | cash |\n  | 4525 |\n  | 4250 |",
    ),
    Code(
        "E802", "two cases of one name",
        "Each case is reported by its name: its cell under `name`, or all its cells. Two that say the same are one.",
        "each\n  | name  | cash |\n  | below | 4525 |\n  | below | 4250 |",
        "each\n  | name       | cash |\n  | just below | 4525 |\n  | below      | 4250 |",
    ),
    # other states
    Code(
        "E701", "not an input",
        "`becomes` rewrites an input of an entity (or, in a scenario, a param). Formulas follow from the inputs, and "
        "keys and links stay as they are.",
        "account.equity becomes 0", "account.cash becomes 0",
    ),
    Code(
        "E702", "rewritten twice",
        "All lines of an effect or scenario read the old state, so a second line for the same input would undo the "
        "first.",
        "market.mark becomes mark * 70%\nmarket.mark becomes mark * 90%", "market.mark becomes mark * 63%",
    ),
    Code(
        "E703", "an effect on a param",
        "The tiers act on the book. A scenario may change a param.",
        "effect:\n  buffer becomes 120%", "scenario relaxed:\n  buffer becomes 120%",
    ),
    Code(
        "E704", "a state that reads itself",
        "What an input becomes is computed from the state before.",
        "account.cash becomes after.equity", "account.cash becomes equity",
    ),
    Code(
        "E705", "no state after",
        "`after.x` and `until` read the state that the `effect` leads to, so the policy needs one.",
        "better = after.health - health   # without an effect",
        "effect:\n  position.size becomes size * (1 - account.close)",
    ),
    Code(
        "E706", "two effects",
        "A policy has one `effect`, whose lines happen all at once.",
        "effect: …\neffect: …", "effect: …",
    ),
    Code(
        "E707", "nothing to search in",
        "`until` looks for the smallest value in its column's range, so the range has both ends.",
        "| lots : number |", "| lots : number in 0 to 100 |",
    ),
    Code(
        "E708", "depends on other rows",
        "`until` asks what this row's action alone leads to: its condition may read this row and the rows that link to "
        "it, not what the actions of others change as well.",
        "until after.system.pool > 0", "until after.health >= 125%",
    ),
    Code(
        "E709", "two untils in a row",
        "Two values that depend on each other have no smallest.",
        "| 100% | soft | until … | until … |", "| 100% | soft | until … | 1% |",
    ),
    Code(
        "E710", "two rows of a tier with until",
        "What `until` finds is kept by tier, so a tier with an `until` cell has one row.",
        "| when a | soft | until … |\n| when b | soft | 10% |", "| when a | soft | until … |\n| when b | trim | 10% |",
    ),
    Code(
        "E711", "a shape of what",
        "`y decreasing in x` compares rows of one entity that differ in x, so both are numbers of that entity.",
        "always \"…\": account.fee decreasing in market.mark",
        "always \"…\": account.fee decreasing in account.health",
    ),
    Code(
        "E712", "a law about nothing",
        "A number that isn't computed from another neither rises nor falls with it.",
        "always \"…\": account.equity increasing in account.close",
        "always \"…\": account.equity increasing in account.cash",
    ),
    Code(
        "E720", "no such grid",
        "`over` names a set of moves that a `grid` declares.",
        "max(loss over spann)", "max(loss over span)",
    ),
    Code(
        "E721", "moves that are none",
        "A grid has axes, or pipe rows of named moves with plain headers: one of the two.",
        "grid span:\n  market.mark becomes mark * 70%",
        "grid span:\n  move in -15% to 15% by 5%\n  market.mark becomes mark * (1 + move)",
    ),
    Code(
        "E722", "steps that don't lead to the end",
        "Both ends of an axis are moves, so its steps lead from one to the other, and are numbers.",
        "move in -15% to 15% by -5%", "move in -15% to 15% by 5%",
    ),
    Code(
        "E723", "too many moves",
        "The book is computed anew in every move, so a grid has at most 10,000.",
        "move in -50% to 50% by 0.001%", "move in -50% to 50% by 0.1%",
    ),
    Code(
        "E724", "two moves of one name",
        "`argmax` gives a move's name, so each has its own.",
        "| up | 5% |\n| up | 10% |", "| up 5 | 5% |\n| up 10 | 10% |",
    ),
    Code(
        "E725", "base outside over",
        "`base.x` is x without the move of the `over` around, and here is none.",
        "loss = base.equity - equity", "loss = max(base.equity - equity over span)",
    ),
    Code(
        "E726", "over with something else",
        "`min max mean sum argmin argmax` run over a grid, each over one expression.",
        "count(equity < 0 over span)", "sum(if equity < 0 then 1 else 0 over span)",
    ),
    Code(
        "E727", "a move's value that is no constant",
        "A move is the same for every row: its values are numbers, or made of params by + - * /.",
        "| down | -market.volatility |", "| down | -3 * usual_volatility |",
    ),
    Code(
        "E728", "a grid's column named as a row's",
        "Inside `over` and in the grid's lines both could be meant.",
        "grid span:\n  mark in 90%, 110%\n  market.mark becomes mark * mark",
        "grid span:\n  move in 90%, 110%\n  market.mark becomes mark * move",
    ),
    Code(
        "E729", "what until finds, in a move",
        "`until` is solved once, for the book as it stands.",
        "max(account.close over span)   # close is `until …`", "max(base.equity - equity over span)",
    ),
    Code(
        "E740", "nothing to group",
        "A group is made of the rows of another entity that has many, directly or over other groups; never of its own.",
        "entity netting groups system by pool:   # system has one row", "entity netting groups position by account:",
    ),
    Code(
        "E741", "two keys of one name",
        "Each key is a column of the group under its last name, so the last names must differ, also from the group's.",
        "entity pair groups position by long.market, short.market:",
        "long_market = long.market   # a formula of position; then group by long_market, short_market",
    ),
    Code(
        "E742", "this can't be a key",
        "Groups are formed once, from the columns of their members as the book stands, before the tiers act.",
        "entity step groups position by account.close:   # close is `until …`",
        "entity step groups position by account.tier:",
    ),
    Code(
        "E743", "a key whose unit the group doesn't know",
        "A unit that every market has of its own says nothing in a group of rows of several markets; a key that leads "
        "to the market makes it the group's.",
        "entity rung groups position by entry:   # in USD/market.asset",
        "entity rung groups position by market, entry:",
    ),
    Code(
        "E744", "an input or unit in a group",
        "The rows of a group are formed from its members, so no snapshot can hold a column of it.",
        "limit : USD   # in entity netting groups position by account", "a formula, such as `limit = account.limit`",
    ),
    Code(
        "E745", "a link to a group",
        "A group's rows are formed when the policy runs; no table of the snapshot can name them.",
        "netting : netting   # in entity order", "link to what the group is grouped by, and aggregate",
    ),
    Code(
        "E746", "the shape of a group's column",
        "To see how one number moves with another, a cell is varied; a group's rows have no cells of their own.",
        'always "more is more": netting.margin increasing in netting.gross',
        'always "never below zero" on netting: margin >= 0',
    ),
    Code(
        "E750", "`by` where it doesn't belong, or no `by` in `first`",
        "`first` takes the value in the row that comes first, so it needs an order; the other aggregates have none.",
        "sum(position.fee by position.size)", "first(position.fee by position.size)",
    ),
    Code(
        "E751", "no table of correlations",
        "A table that says `correlation` has two names as keys and one constant as value for each pair.",
        "table rho(a, b) correlation:\n  | a = | b = | rho |\n  | other | other | 0 |",
        "table rho(a, b) correlation:\n  | a = | b = | rho |\n  | BTC | BTC | 1 |",
    ),
    Code(
        "E752", "no correlation",
        "A correlation lies between -1 and 1, is 1 of a name with itself, and the same of A with B as of B with A. "
        "Both rows are written, since a table finds a row as it stands.",
        "| BTC | ETH | 0.8 |\n| ETH | BTC | 0.7 |", "| BTC | ETH | 0.8 |\n| ETH | BTC | 0.8 |",
    ),
    Code(
        "E753", "siblings or an order in a solve",
        "`solve` follows how each number moves with the one that is sought; it doesn't follow which row comes first, "
        "nor every row beside its siblings.",
        "solve(market.mark until account.worst_payoff < 0)   # worst_payoff = sum(book.option.…)",
        "solve(market.mark until account.equity < 0)",
    ),
    Code(
        "E760", "a solve in the wrong place",
        "`solve` is asked at a row of an entity, and found before everything that reads it. So it stands in a "
        "formula, a tier or a check `on` an entity; not in a function, an aggregate, an effect, a scenario, an "
        "`until`, a law or an expectation.",
        "worst = min(solve(market.mark until position.loss > 0))",
        "turn  = solve(market.mark until loss > 0)\nworst = min(position.turn)",
    ),
    Code(
        "E761", "nothing to solve for",
        "What is sought is one number of the snapshot, read from the row at hand, or the argument of a scenario that "
        "has no other and leaves the params alone.",
        "solve(account.health until account.equity <= 0)", "solve(market.mark until account.equity <= 0)",
    ),
    Code(
        "E762", "a condition that stays the same",
        "Nothing that the condition reads follows from the number that is sought, so it could be any or none.",
        "solve(market.mark until account.collateral <= 0)", "solve(market.mark until account.equity <= 0)",
    ),
    Code(
        "E763", "a solve inside a solve",
        "With another value of the number, the inner `solve` would have to be found anew each time.",
        "solve(market.mark until liquidation_price > 100)", "solve(market.mark until account.health <= 100%)",
    ),
    Code(
        "E764", "what until finds, in a solve",
        "`until` is found once, for the book as it stands.",
        "solve(market.mark until close > 50%)   # close is `until …`", "solve(market.mark until health < 100%)",
    ),
    Code(
        "E765", "a solve that is found for the book as it stands",
        "`until` tries other values, and `over` runs through moves, in each of which the `solve` would have to be "
        "found anew. `eval --grid` evaluates the whole policy in every move.",
        "min(liquidation_price over span)", "min(equity over span)",
    ),
    Code(
        "E766", "a draw in a solve",
        "Rows take in turn, so with another value of one number every row would have to take anew.",
        "solve(market.mark until drawn > 0)   # drawn = draw(…)", "solve(market.mark until need > 0)",
    ),
    Code(
        "E780", "draw inside something else",
        "What rows take in turn is a column: it has a name, so that other formulas, the results and explanations can "
        "show it.",
        "paid = need - draw(fund.pool by health: min(need, left))",
        "drawn = draw(fund.pool by health: min(need, left))\npaid = need - drawn",
    ),
    Code(
        "E781", "a pool that nobody shares",
        "Rows draw in turn because they share a limit: a column of a one-row entity, or one read through a link.",
        "drawn = draw(cash by health: min(need, left))", "drawn = draw(fund.pool by health: min(need, left))",
    ),
    Code(
        "E782", "a pool of another kind",
        "What is left of several pools is compared, and what is taken is subtracted from each: all are numbers of one "
        "unit.",
        "draw(fund.pool, market.contracts by health: …)", "draw(fund.pool, market.cap by health: …)",
    ),
    Code(
        "E783", "an order that is no number",
        "Rows go by a number or a date, the smallest first.",
        "draw(fund.pool by tier: …)", "draw(fund.pool by if tier = shut then 0 else 1: …)",
    ),
    Code(
        "E784", "a draw with one row",
        "A one-row entity has nobody to share with.",
        "entity fund once:\n  paid = draw(…)", "entity account:\n  paid = draw(…)",
    ),
    Code(
        "E785", "a pool that may be blank",
        "A limit that is not there must say what that means: none left, or no limit.",
        "entity ilk:\n  cap : USD?\nentity vault:\n  drawn = draw(ilk.cap by ratio: …)",
        "entity ilk:\n  cap : USD?\n  room = cap ?? infinite\nentity vault:\n  drawn = draw(ilk.room by ratio: …)",
    ),
    Code(
        "E786", "left inside an aggregate",
        "What is left is this row's, and changes from row to row.",
        "draw(fund.pool by health: sum(min(position.loss, left)))",
        "loss = sum(position.loss)\ndrawn = draw(fund.pool by health: min(loss, left))",
    ),
    Code(
        "E787", "a pool twice",
        "What a row takes is subtracted once from each pool.",
        "draw(fund.pool, fund.pool by health: …)", "draw(fund.pool by health: …)",
    ),
    Code(
        "E788", "left outside a draw",
        "`left` is what remains when it is this row's turn in a `draw`.",
        "paid = min(need, left)", "paid = draw(fund.pool by health: min(need, left))",
    ),
    # warnings
    Code(
        "W101", "a param that nothing reads",
        "It decides nothing, so a change to it changes nothing.",
        "param spare : number = 1", "remove it",
    ),
    Code(
        "W102", "an input that nothing reads",
        "A snapshot must hold it, and it decides nothing.",
        "name : text", "remove it",
    ),
    Code(
        "W201", "a divisor that may be zero",
        "The ranges of the inputs allow a zero here. Where it happens the result is unknown, with its cause; a "
        "guard says what it should be instead.",
        "equity / maintenance", "if maintenance > 0 then equity / maintenance else infinite",
    ),
    Code(
        "W740", "a pair without a correlation",
        "Where both names meet the result is unknown, and it can't be said whether the correlations agree.",
        "| BTC | ETH | 0.8 |   # and SOL with BTC, but not with ETH", "| SOL | ETH | 0.6 |",
    ),
    Code(
        "W741", "correlations that contradict each other",
        "The matrix is not positive semi-definite: some combination of the names would have a variance below zero, and "
        "its root is unknown. Matrices set by hand or by a regulator may be so; then `max(0, ...)` says what to do.",
        "A and B 0.9, B and C 0.9, A and C -0.9", "A and B 0.9, B and C 0.9, A and C 0.7",
    ),
    Code(
        "W780", "a draw that does not look at left",
        "A row that would take more than is left is unknown, and so is what is left for all after it.",
        "paid = draw(fund.pool by health: need)", "paid = draw(fund.pool by health: min(need, left))",
    ),
    Code(
        "W404", "a promise that can't be decided",
        "Neither a proof nor a place that breaks it was found.",
        "curve f(h: ratio) decreasing = 1 / exp(h)", "curve f(h: ratio) decreasing = exp(-h)",
    ),
    Code(
        "W800", "a column of cases that nothing reads",
        "It changes nothing in the test: a given row or an expectation was meant to read it.",
        "each\n  | cash | tier |\n  …\nexpect account a1: tier = trim",
        "each\n  | cash | tier |\n  …\nexpect account a1: tier = each.tier",
    ),
)  # fmt: skip
