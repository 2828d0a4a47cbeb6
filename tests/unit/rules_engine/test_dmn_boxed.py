"""Boxed expressions and business knowledge models: run as DMN says, bounded, and written as they came."""

from decimal import Decimal
from typing import Any

import pytest

from rules.engine.dmn.feel import TooCostly
from rules.engine.dmn.feel.values import NUMBERS
from rules.engine.dmn.model import InvalidDmn
from rules.engine.dmn.read import read_dmn
from rules.engine.dmn.run import DecisionModel
from rules.engine.dmn.write import write_dmn
from tests.unit.rules_engine.test_dmn import document


def text(source: str) -> str:
    return f"<literalExpression><text>{source}</text></literalExpression>"


def entry(name: str, logic: str, kind: str = "") -> str:
    variable = f'<variable name="{name}" typeRef="{kind}"/>' if name else ""
    return f"<contextEntry>{variable}{logic}</contextEntry>"


def knowledge(name: str, parameters: dict[str, str], logic: str, needs: tuple[str, ...] = ()) -> str:
    formal = "".join(f'<formalParameter name="{n}" typeRef="{t}"/>' for n, t in parameters.items())
    return (
        f'<businessKnowledgeModel id="k_{name.replace(" ", "_")}" name="{name}"><variable name="{name}"/>'
        f"<encapsulatedLogic>{formal}{logic}</encapsulatedLogic>{required(*needs)}</businessKnowledgeModel>"
    )


def required(*names: str) -> str:
    return "".join(
        "<knowledgeRequirement>"
        f'<requiredKnowledge href="#k_{name.replace(" ", "_")}"/></knowledgeRequirement>'
        for name in names
    )


def inputs(**kinds: str) -> str:
    return "".join(
        f'<inputData id="i_{n}" name="{n}"><variable name="{n}" typeRef="{t}"/></inputData>'
        for n, t in kinds.items()
    )


def given(*names: str) -> str:
    return "".join(
        f'<informationRequirement><requiredInput href="#i_{n}"/></informationRequirement>' for n in names
    )


def decision(logic: str, needs: str = "", name: str = "X", kind: str = "") -> str:
    return (
        f'<decision id="d_{name.replace(" ", "_")}" name="{name}"><variable name="{name}" typeRef="{kind}"/>'
        f"{needs}{logic}</decision>"
    )


def made(source: str, name: str = "X", **facts: Any) -> Any:
    definitions = read_dmn(document(source))
    assert read_dmn(write_dmn(definitions)) == definitions
    model = DecisionModel(definitions)
    assert model.check() == []
    return model.evaluate(name, facts).value


PMT = knowledge(
    "PMT",
    {"rate": "number", "term": "number", "amount": "number"},
    text("(amount *rate/12) / (1 - (1 + rate/12)**-term)"),
)
PAYMENT = Decimal("2778.693549432766768088520383236299")
"""600,000 over 360 months at 3.75 % a year, to 34 digits."""


def test_a_knowledge_model_is_called_by_name_from_an_expression() -> None:
    source = PMT + decision(text("PMT(0.0375, 360, 600000)"), required("PMT"))
    assert made(source) == PAYMENT
    named = PMT + decision(text("PMT(amount: 600000, term: 360, rate: .0375)"), required("PMT"))
    assert made(named) == PAYMENT


def test_a_boxed_invocation_binds_parameters_by_name() -> None:
    source = (
        '<itemDefinition name="tLoan">'
        + "".join(
            f'<itemComponent name="{n}"><typeRef>number</typeRef></itemComponent>'
            for n in ("principal", "rate", "termMonths")
        )
        + "</itemDefinition>"
        + inputs(loan="tLoan", fee="number")
        + PMT
        + decision(
            "<invocation>"
            + text("PMT")
            + f'<binding><parameter name="amount"/>{text("loan.principal + fee")}</binding>'
            + f'<binding><parameter name="term"/>{text("loan.termMonths")}</binding>'
            + f'<binding><parameter name="rate"/>{text("loan.rate")}</binding>'
            + "</invocation>",
            given("loan", "fee") + required("PMT"),
            kind="number",
        )
    )
    loan = {"principal": 599900, "rate": 0.0375, "termMonths": 360}
    assert made(source, loan=loan, fee=100) == PAYMENT


INSTALLMENT = PMT + knowledge(
    "Installment calculation",
    {"Product Type": "string", "Rate": "number", "Term": "number", "Amount": "number"},
    "<context>"
    + entry(
        "Monthly Fee",
        text(
            'if Product Type = "STANDARD LOAN" then 20.00 else if Product Type = "SPECIAL LOAN"'
            " then 25.00 else null"
        ),
        "number",
    )
    + entry("Monthly Repayment", text("PMT(Rate, Term, Amount)"), "number")
    + entry("", text("Monthly Repayment + Monthly Fee"))
    + "</context>",
    ("PMT",),
)


def test_a_context_with_a_result_is_that_result() -> None:
    source = INSTALLMENT + decision(
        text('Installment calculation("SPECIAL LOAN", .0375, 360, 600000)'),
        required("Installment calculation"),
    )
    assert made(source) == NUMBERS.add(PAYMENT, Decimal(25))


def test_a_context_without_a_result_is_its_entries_which_paths_read() -> None:
    source = decision(
        "<context>"
        + entry("Monthly Income", text("1000"))
        + entry("Twice", text("Monthly Income * 2"))
        + "</context>",
        name="Applicant",
    ) + decision(
        text("Applicant.Monthly Income + Applicant.Twice"),
        '<informationRequirement><requiredDecision href="#d_Applicant"/></informationRequirement>',
    )
    assert made(source) == Decimal(3000)
    assert made(source, "Applicant") == {"Monthly Income": Decimal(1000), "Twice": Decimal(2000)}


def table(policy: str, names: tuple[str, ...], rules: list[str]) -> str:
    columns = "".join(f"<input><inputExpression><text>{n}</text></inputExpression></input>" for n in names)
    rows = ""
    for rule in rules:
        tests, result = rule.split(" => ")
        cells = "".join(f"<inputEntry><text>{t}</text></inputEntry>" for t in tests.split(" | "))
        rows += f"<rule>{cells}<outputEntry><text>{result}</text></outputEntry></rule>"
    return f'<decisionTable hitPolicy="{policy}">{columns}<output/>{rows}</decisionTable>'


@pytest.mark.parametrize(
    ("existing", "score", "expected"), [(True, 550, "HIGH"), (True, 601, "LOW"), (False, 90, "MEDIUM")]
)
def test_a_knowledge_model_may_be_a_table_over_its_parameters(
    existing: bool, score: int, expected: str
) -> None:
    rules = ['true | &lt;= 600 => "HIGH"', 'true | > 600 => "LOW"', 'false | - => "MEDIUM"']
    risk = knowledge(
        "Risk table",
        {"Existing Customer": "boolean", "Score": "number"},
        table("UNIQUE", ("Existing Customer", "Score"), rules),
    )
    source = (
        inputs(e="boolean", s="number")
        + risk
        + decision(
            "<invocation>"
            + text("Risk table")
            + f'<binding><parameter name="Existing Customer"/>{text("e")}</binding>'
            + f'<binding><parameter name="Score"/>{text("s")}</binding></invocation>',
            given("e", "s") + required("Risk table"),
        )
    )
    assert made(source, e=existing, s=score) == expected


def test_lists_relations_and_functions_are_values() -> None:
    listed = f"<list>{text('1')}{text('1 + 1')}</list>"
    assert made(decision(listed)) == [Decimal(1), Decimal(2)]
    relation = (
        '<relation><column name="name"/><column name="age"/>'
        f"<row>{text('&quot;Ann&quot;')}{text('30')}</row><row>{text('&quot;Bo&quot;')}{text('9')}</row></relation>"
    )
    people = decision(relation, name="People")
    adults = decision(
        text("People[age > 18].name"),
        '<informationRequirement><requiredDecision href="#d_People"/></informationRequirement>',
    )
    assert made(people + adults) == ["Ann"]
    function = (
        '<functionDefinition><formalParameter name="n" typeRef="number"/>'
        f"{text('n * n')}</functionDefinition>"
    )
    context = "<context>" + entry("square", function) + entry("", text("square(3)")) + "</context>"
    assert made(decision(context)) == Decimal(9)


def test_an_argument_of_another_type_is_null_and_says_why() -> None:
    model = DecisionModel(
        read_dmn(document(PMT + decision(text("PMT(&quot;x&quot;, 360, 600000)"), required("PMT"))))
    )
    result = model.evaluate("X", {})
    assert result.value is None
    assert "'PMT': argument 'rate' is a string, and number is a number" in result.problems[0]


def test_a_knowledge_model_sees_nothing_but_its_parameters_and_what_it_requires() -> None:
    source = (
        inputs(secret="number")
        + knowledge("peek", {}, text("secret"))
        + decision(text("peek()"), given("secret") + required("peek"))
    )
    assert made(source, secret=1) is None


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (decision(text("f()"), required("f")), "lacks the business knowledge model 'k_f'"),
        (
            knowledge("f", {}, text("g()"), ("g",))
            + knowledge("g", {}, text("f()"), ("f",))
            + decision(text("f()"), required("f")),
            "requires itself",
        ),
        (
            knowledge("f", {}, text("1")).replace("<encapsulatedLogic>", '<encapsulatedLogic kind="Java">')
            + decision(text("f()"), required("f")),
            "'f' is written in Java",
        ),
        (
            '<businessKnowledgeModel id="k_f" name="f"/>' + decision(text("1"), required("f")),
            "no logic in business knowledge model 'f'",
        ),
        (decision("<filter/>"), "boxed filter of decision 'X' is not supported"),
        (
            decision(f"<context>{entry('a', text('1'))}{entry('a', text('2'))}</context>"),
            "two entries 'a'",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(source: str, named: str) -> None:
    model = DecisionModel(read_dmn(document(source)))
    with pytest.raises(InvalidDmn, match=named):
        model.evaluate("X", {})
    assert len(model.check()) == 1


def test_functions_that_call_themselves_without_end_are_stopped() -> None:
    selfish = knowledge("f", {"g": ""}, text("g(g)"))
    model = DecisionModel(read_dmn(document(selfish + decision(text("f(f)"), required("f")))))
    with pytest.raises(TooCostly):
        model.evaluate("X", {})


LENDING = (
    '<itemDefinition name="tApplicant"><itemComponent name="Age"><typeRef>number</typeRef></itemComponent>'
    '<itemComponent name="Existing Customer"><typeRef>boolean</typeRef></itemComponent>'
    '<itemComponent name="Monthly"><itemComponent name="Income"><typeRef>number</typeRef></itemComponent>'
    '<itemComponent name="Expenses"><typeRef>number</typeRef></itemComponent></itemComponent>'
    "</itemDefinition>"
    '<inputData id="i_a" name="Applicant data"><variable name="Applicant data" typeRef="tApplicant"/>'
    "</inputData>"
    + knowledge(
        "Pre-bureau risk category table",
        {"Existing Customer": "boolean", "Application Risk Score": "number"},
        table(
            "UNIQUE",
            ("Existing Customer", "Application Risk Score"),
            [
                'false | &lt; 100 => "HIGH"',
                'false | [100..120) => "MEDIUM"',
                'false | >= 120 => "LOW"',
                'true | not([80..110]) => "DECLINE"',
                'true | [80..110] => "HIGH"',
            ],
        ),
    )
    + knowledge(
        "Credit contingency factor table",
        {"Risk Category": "string"},
        table("UNIQUE", ("Risk Category",), ['"HIGH", "DECLINE" => 0.6', '"MEDIUM" => 0.7', '"LOW" => 0.8']),
    )
    + knowledge(
        "Affordability",
        {"Monthly Income": "number", "Monthly Expenses": "number", "Risk Category": "string"},
        "<context>"
        + entry("Disposable Income", text("Monthly Income - Monthly Expenses"))
        + entry(
            "Credit Contingency Factor",
            "<invocation>"
            + text("Credit contingency factor table")
            + f'<binding><parameter name="Risk Category"/>{text("Risk Category")}</binding></invocation>',
        )
        + entry(
            "Affordability",
            text("if Disposable Income * Credit Contingency Factor > 500 then true else false"),
            "boolean",
        )
        + entry("", text("Affordability"))
        + "</context>",
        ("Credit contingency factor table",),
    )
    + decision(
        table(
            "COLLECT", ("Applicant data.Age",), ["[18..21] => 32", "[22..25] => 35", ">= 50 => 48"]
        ).replace('"COLLECT"', '"COLLECT" aggregation="SUM"'),
        given("a"),
        name="Application risk score",
        kind="number",
    )
    + decision(
        "<invocation>"
        + text("Pre-bureau risk category table")
        + f'<binding><parameter name="Existing Customer"/>{text("Applicant data.Existing Customer")}'
        + "</binding>"
        + f'<binding><parameter name="Application Risk Score"/>{text("Application risk score * 2")}</binding>'
        + "</invocation>",
        given("a")
        + '<informationRequirement><requiredDecision href="#d_Application_risk_score"/>'
        + "</informationRequirement>"
        + required("Pre-bureau risk category table"),
        name="Pre-bureau risk category",
        kind="string",
    )
    + decision(
        text(
            "Affordability(Applicant data.Monthly.Income, Applicant data.Monthly.Expenses,"
            " Pre-bureau risk category)"
        ),
        given("a")
        + '<informationRequirement><requiredDecision href="#d_Pre-bureau_risk_category"/>'
        + "</informationRequirement>"
        + required("Affordability"),
        kind="boolean",
    )
)


@pytest.mark.parametrize(
    ("age", "existing", "income", "category", "affordable"),
    [
        (51, False, 2000, "HIGH", True),
        (51, True, 1500, "HIGH", False),
        (20, True, 3000, "DECLINE", True),
        (10, False, 3000, None, False),
    ],
)
def test_a_lending_model_decides_through_all_its_parts(
    age: int, existing: bool, income: int, category: str | None, affordable: bool
) -> None:
    facts: dict[str, Any] = {
        "Applicant data": {
            "Age": age,
            "Existing Customer": existing,
            "Monthly": {"Income": income, "Expenses": 1000},
        }
    }
    assert made(LENDING, name="Pre-bureau risk category", **facts) == category
    assert made(LENDING, **facts) is affordable
