"""Decision models: read safely, decided by every hit policy, written back, turned into rule sets and back."""

from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.engine.check import check
from rules.engine.compile import compile_rules
from rules.engine.dmn.from_table import rule_set_of
from rules.engine.dmn.model import InvalidDmn
from rules.engine.dmn.read import read_dmn
from rules.engine.dmn.run import DecisionModel, InvalidInput
from rules.engine.dmn.to_table import definitions_of
from rules.engine.dmn.write import write_dmn
from rules.engine.dmn.xml import InvalidXml, read_xml
from rules.engine.model import (
    All,
    AnyOf,
    Call,
    Condition,
    Expression,
    Fact,
    HitPolicy,
    Not,
    Operator,
    Output,
    Row,
    Rule,
    RuleSet,
    Set,
)
from tests.unit.rules_engine.strategies import MOMENTS

DMN_1_3 = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def document(body: str, namespace: str = DMN_1_3) -> str:
    return f'<definitions xmlns="{namespace}" id="d" name="model" namespace="urn:test">{body}</definitions>'


def table(
    rules: list[str],
    policy: str = 'hitPolicy="UNIQUE"',
    outputs: str = '<output name="" typeRef="string"/>',
    inputs: tuple[str, ...] = ("number",),
    variable: str = "",
) -> str:
    names = ["A", "B", "C"][: len(inputs)]
    data = "".join(
        f'<inputData id="i{n}" name="{n}"><variable name="{n}" typeRef="{t}"/></inputData>'
        for n, t in zip(names, inputs, strict=True)
    )
    needs = "".join(
        f'<informationRequirement><requiredInput href="#i{n}"/></informationRequirement>' for n in names
    )
    columns = "".join(
        f'<input><inputExpression typeRef="{t}"><text>{n}</text></inputExpression></input>'
        for n, t in zip(names, inputs, strict=True)
    )
    rows = ""
    for rule in rules:
        tests, results = rule.split(" => ")
        rows += "<rule>"
        rows += "".join(f"<inputEntry><text>{t}</text></inputEntry>" for t in tests.split(" | "))
        rows += (
            "".join(f"<outputEntry><text>{t}</text></outputEntry>" for t in results.split(" | ")) + "</rule>"
        )
    return document(
        f'{data}<decision id="x" name="X"><variable name="X" {variable}/>{needs}'
        f"<decisionTable {policy}>{columns}{outputs}{rows}</decisionTable></decision>"
    )


def decide(source: str, **inputs: Any) -> Any:
    return DecisionModel(read_dmn(source)).evaluate("X", inputs).json()


TIERS = ['[0..10] => "low"', '> 5 => "high"', '> 20 => "top"']


@pytest.mark.parametrize(
    ("policy", "outputs", "given_value", "expected"),
    [
        ('hitPolicy="UNIQUE"', "", 3, "low"),
        ('hitPolicy="UNIQUE"', "", 7, None),
        ('hitPolicy="FIRST"', "", 7, "low"),
        ('hitPolicy="FIRST"', "", -1, None),
        ('hitPolicy="ANY"', "", 7, None),
        ('hitPolicy="ANY"', "", 15, "high"),
        ('hitPolicy="PRIORITY"', '<outputValues><text>"top","high","low"</text></outputValues>', 30, "top"),
        (
            'hitPolicy="OUTPUT ORDER"',
            '<outputValues><text>"high","low"</text></outputValues>',
            7,
            ["high", "low"],
        ),
        ('hitPolicy="RULE ORDER"', "", 7, ["low", "high"]),
        ('hitPolicy="COLLECT"', "", 30, ["high", "top"]),
        ('hitPolicy="COLLECT"', "", -1, None),
        ('hitPolicy="COLLECT" aggregation="COUNT"', "", 30, 2),
        ('hitPolicy="COLLECT" aggregation="MIN"', "", 30, "high"),
        ('hitPolicy="FIRST"', '<defaultOutputEntry><text>"none"</text></defaultOutputEntry>', -1, "none"),
    ],
)
def test_hit_policies(policy: str, outputs: str, given_value: Any, expected: Any) -> None:
    assert decide(table(TIERS, policy, f"<output>{outputs}</output>"), A=given_value) == expected


@pytest.mark.parametrize(
    ("aggregation", "expected"), [("SUM", 0.6), ("MIN", 0.1), ("MAX", 0.3), ("COUNT", 3)]
)
def test_aggregations(aggregation: str, expected: Any) -> None:
    rules = ["> 0 => 0.1", "> 1 => 0.2", "> 2 => 0.3"]
    policy = f'hitPolicy="COLLECT" aggregation="{aggregation}"'
    assert decide(table(rules, policy, "<output/>"), A=5) == expected


def test_several_outputs_make_a_structure_ranked_by_the_first() -> None:
    outputs = (
        '<output name="a"><outputValues><text>"x","y"</text></outputValues></output>'
        '<output name="b"><outputValues><text>2,1</text></outputValues></output>'
    )
    rules = ['- => "y" | 2', '- => "x" | 1', '- => "x" | 2']
    found = decide(table(rules, 'hitPolicy="OUTPUT ORDER"', outputs), A=1)
    assert found == [{"a": "x", "b": 2}, {"a": "x", "b": 1}, {"a": "y", "b": 2}]


def test_an_input_that_the_table_does_not_allow_decides_nothing() -> None:
    source = table(['- => "x"'], inputs=("string",)).replace(
        "</inputExpression>", '</inputExpression><inputValues><text>"a","b"</text></inputValues>'
    )
    assert decide(source, A="a") == "x"
    result = DecisionModel(read_dmn(source)).evaluate("X", {"A": "c"})
    assert result.value is None
    assert "does not allow" in result.problems[0]


def test_outputs_may_be_computed_from_inputs() -> None:
    assert decide(table(["> 0 => A * 2"], outputs='<output typeRef="number"/>'), A=4) == 8


def test_a_result_of_another_type_is_null_and_says_why() -> None:
    source = table(["- => 1"], outputs="<output/>", variable='typeRef="string"')
    result = DecisionModel(read_dmn(source)).evaluate("X", {"A": 1})
    assert (result.value, result.problems) == (None, ("decision 'X' is a number, and string is a string",))


LOAN = """
<itemDefinition name="tLoan"><itemComponent name="principal"><typeRef>number</typeRef></itemComponent>
<itemComponent name="start"><typeRef>date</typeRef></itemComponent></itemDefinition>
<itemDefinition name="tStatus"><typeRef>string</typeRef><allowedValues><text>"A","B"</text></allowedValues>
</itemDefinition>
<itemDefinition name="tNames" isCollection="true"><typeRef>string</typeRef>
<typeConstraint><text>count(?) > 0</text></typeConstraint></itemDefinition>
<inputData id="i1" name="loan"><variable name="loan" typeRef="tLoan"/></inputData>
<inputData id="i2" name="status"><variable name="status" typeRef="tStatus"/></inputData>
<inputData id="i3" name="names"><variable name="names" typeRef="tNames"/></inputData>
<decision id="d1" name="Doubled Principal"><variable name="Doubled Principal" typeRef="number"/>
<informationRequirement><requiredInput href="#i1"/></informationRequirement>
<literalExpression><text>loan.principal * 2</text></literalExpression></decision>
<decision id="d2" name="Label"><variable name="Label" typeRef="string"/>
<informationRequirement><requiredDecision href="#d1"/></informationRequirement>
<informationRequirement><requiredInput href="#i2"/></informationRequirement>
<informationRequirement><requiredInput href="#i1"/></informationRequirement>
<literalExpression><text>status + string(Doubled Principal) + string(loan.start.year)</text>
</literalExpression></decision>
<decision id="d3" name="Joined"><variable name="Joined"/>
<informationRequirement><requiredInput href="#i3"/></informationRequirement>
<literalExpression><text>string join(names, "+")</text></literalExpression></decision>
"""


def test_a_decision_is_made_after_those_it_requires() -> None:
    model = DecisionModel(read_dmn(document(LOAN)))
    result = model.evaluate("Label", {"loan": {"principal": 1.5, "start": "2026-01-01"}, "status": "A"})
    assert result.value == "A32026"
    assert [(step.decision, step.value) for step in result.trace] == [
        ("Doubled Principal", 3),
        ("Label", "A32026"),
    ]
    assert model.check() == []


def test_inputs_conform_to_their_types_or_are_refused_by_name() -> None:
    model = DecisionModel(read_dmn(document(LOAN)))
    loan = {"principal": 1, "start": "2026-01-01"}
    for bad in ({"loan": {"principal": "1"}}, {"loan": {"start": "soon"}}, {"loan": 3}):
        with pytest.raises(InvalidInput, match="'loan'"):
            model.evaluate("Label", bad)
    with pytest.raises(InvalidInput, match="'status' is C, which tStatus does not allow"):
        model.evaluate("Label", {"loan": loan, "status": "C"})
    assert model.evaluate("Joined", {"names": "a"}).value == "a"
    assert model.evaluate("Joined", {"names": ["a", "b"]}).value == "a+b"
    with pytest.raises(InvalidInput, match=r"'names' is \[\], which tNames does not allow"):
        model.evaluate("Joined", {"names": []})


ONE_LITERAL = "<literalExpression><text>1</text></literalExpression>"


def decision(body: str) -> str:
    return f'<decision id="a" name="A">{body}</decision>'


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('<decision id="a" name="A"><invocation/></decision>', "no logic in decision 'A'"),
        ('<decision id="a" name="A"/>', "no logic in decision 'A'"),
        (
            decision(
                "<knowledgeRequirement><requiredKnowledge href='#k'/></knowledgeRequirement>" + ONE_LITERAL
            ),
            "lacks the business knowledge model 'k'",
        ),
        (
            decision(
                "<informationRequirement><requiredDecision href='#a'/></informationRequirement>" + ONE_LITERAL
            ),
            "'A' requires itself",
        ),
        (
            decision(
                "<informationRequirement><requiredInput href='#n'/></informationRequirement>" + ONE_LITERAL
            ),
            "'A' requires 'n'",
        ),
        (
            decision("<variable name='A' typeRef='tNo'/>" + ONE_LITERAL),
            "no type 'tNo'",
        ),
        (
            decision(
                ONE_LITERAL.replace("<literalExpression", "<literalExpression expressionLanguage='urn:js'")
            ),
            "urn:js",
        ),
    ],
)
def test_what_cannot_run_is_refused_by_name(body: str, named: str) -> None:
    with pytest.raises(InvalidDmn, match=named):
        DecisionModel(read_dmn(document(body))).evaluate("A", {})


def test_a_cell_that_cannot_be_read_is_named_with_its_rule_and_column() -> None:
    model = DecisionModel(read_dmn(table(['> 1 => "a"', '> => "b"'])))
    (fault,) = model.check()
    assert "Rule 2 of the table of decision 'X', input 1" in fault.detail


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20191111/MODEL/",
        "https://www.omg.org/spec/DMN/20211108/MODEL/",
        "https://www.omg.org/spec/DMN/20230324/MODEL/",
    ],
)
def test_every_version_is_read_and_written_in_its_own_namespace(namespace: str) -> None:
    definitions = read_dmn(document(LOAN.replace('typeRef="number"', 'typeRef="feel:number"'), namespace))
    assert definitions.decisions[0].variable is not None
    assert definitions.decisions[0].variable.type_ref == "number"
    again = write_dmn(definitions)
    assert namespace.encode() in again
    assert read_dmn(again) == definitions


def test_what_has_no_meaning_for_execution_is_carried_along() -> None:
    body = (
        '<extensionElements><v:note xmlns:v="urn:vendor" v:a="1">kept &amp; safe</v:note></extensionElements>'
        + LOAN
        + '<knowledgeSource id="k" name="Law"/><textAnnotation id="t"><text>why</text></textAnnotation>'
    )
    definitions = read_dmn(document(body))
    assert [element.local for element in definitions.carried] == [
        "extensionElements",
        "knowledgeSource",
        "textAnnotation",
    ]
    assert read_dmn(write_dmn(definitions)) == definitions


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('<!DOCTYPE d [<!ENTITY a "b">]><definitions/>', "document type"),
        ('<!DOCTYPE d SYSTEM "file:///etc/passwd"><definitions/>', "document type"),
        ("<a><b></a>", "mismatched tag"),
        ("", "no element"),
        ("<a>" * 200 + "</a>" * 200, "nested deeper"),
        (b"<?xml version='1.0' encoding='nonsense'?><a/>", "encoding"),
        ("<a>" + " " * 10_000_001 + "</a>", "bytes"),
    ],
)
def test_dangerous_or_broken_xml_is_refused(source: str | bytes, reason: str) -> None:
    with pytest.raises(InvalidXml, match=reason):
        read_xml(source)


@pytest.mark.parametrize(
    "source", ["<definitions/>", '<a xmlns="urn:other"/>', document('<import namespace="u"/>')]
)
def test_xml_that_is_no_model_is_refused(source: str) -> None:
    with pytest.raises(InvalidDmn):
        read_dmn(source)


FACTS = {
    "n": Fact("number", required=True, minimum=-2),
    "Risk Level": Fact("string", values=("low", "high", "x")),
    "ok": Fact("boolean", description="Whether & how"),
    "born": Fact("date", maximum="2026-12-31"),
    "seen": Fact("timestamp"),
    "wait": Fact("duration", minimum="PT0S", maximum="P9D"),
    "order.total": Fact("number"),
    "order.place.name": Fact("string"),
}
POOLS: dict[str, list[Any]] = {
    "n": [0, 1.5, -2],
    "Risk Level": ["low", "high"],
    "ok": [True, False],
    "born": ["2026-01-01", "2024-02-29"],
    "seen": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
    "wait": ["PT1M", "PT5M"],
    "order.total": [0, 10],
    "order.place.name": ["", 'a "quoted"\n\\ é\u2028😀'],
}


@st.composite
def cells(draw: st.DrawFn, name: str) -> Condition:
    value = st.sampled_from(POOLS[name])
    pair = st.lists(value, min_size=2, max_size=2, unique=True).map(sorted)
    ordered = [] if name == "ok" else [Operator.LT, Operator.LE, Operator.GT, Operator.GE]
    choices: list[st.SearchStrategy[Condition]] = [
        value.map(lambda v: Row(name, Operator.EQ, v)),
        value.map(lambda v: Row(name, Operator.NE, v)),
        pair.map(lambda v: Row(name, Operator.IN, v)),
        pair.map(lambda v: Row(name, Operator.NOT_IN, v)),
        st.just(Row(name, Operator.EXISTS)),
        st.just(Not(Row(name, Operator.EXISTS))),
    ]
    if ordered:
        ray = st.builds(lambda o, v: Row(name, o, v), st.sampled_from(ordered), value)
        choices += [
            ray,
            ray.map(Not),
            pair.map(lambda v: Row(name, Operator.BETWEEN, v)),
            pair.map(lambda v: All((Row(name, Operator.GT, v[0]), Row(name, Operator.LE, v[1])))),
            st.tuples(ray, value.map(lambda v: Row(name, Operator.EQ, v))).map(AnyOf),
        ]
    return draw(st.one_of(choices))


@st.composite
def table_sets(draw: st.DrawFn) -> RuleSet:
    policy = draw(st.sampled_from(list(HitPolicy)))
    outputs = {
        "level": Output("string", values=("a", "b"), default=draw(st.sampled_from(["a", "b"]))),
        "rate": Output("number", description="A <rate>"),
        "points": Output("integer"),
    }
    rules = []
    for i in range(draw(st.integers(0, 4))):
        names = sorted(draw(st.sets(st.sampled_from(sorted(FACTS)), max_size=3)), key=list(FACTS).index)
        conditions = tuple(draw(cells(name)) for name in names)
        actions = (
            Set("level", draw(st.sampled_from("ab"))),
            Set("rate", draw(st.sampled_from([1, 0.25, -3]))),
            Set("points", draw(st.sampled_from([0, 7]))),
        )
        rules.append(
            Rule(
                f"r{i}",
                actions,
                All(conditions) if conditions else None,
                description="why & <how>",
                priority=5 - i,
            )
        )
    missing: Literal["skip", "error"] = draw(st.sampled_from(["skip", "error"]))
    return RuleSet(FACTS, tuple(rules), name="The Table", outputs=outputs, hit_policy=policy, missing=missing)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table_sets())
def test_a_rule_set_survives_being_a_decision_table(rule_set: RuleSet) -> None:
    assert rule_set_of(read_dmn(write_dmn(definitions_of(rule_set))), "The Table") == rule_set


@st.composite
def present_facts(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {"order": {"place": {}}}
    for name, pool in POOLS.items():
        *parents, last = name.split(".")
        node = found
        for parent in parents:
            node = node[parent]
        node[last] = draw(st.sampled_from(pool))
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table_sets(), present_facts())
def test_a_table_decides_as_its_rule_set(rule_set: RuleSet, facts: dict[str, Any]) -> None:
    evaluation = compile_rules(rule_set).evaluate(facts)
    result = DecisionModel(definitions_of(rule_set)).evaluate("The Table", facts)
    matched = [rule for _, rule in (result.trace[0].matched if evaluation.fired else ())]
    if evaluation.errors:
        assert rule_set.hit_policy in (HitPolicy.UNIQUE, HitPolicy.ANY)
        assert result.value is None
    else:
        assert matched == list(evaluation.fired)


def test_conditions_of_one_box_are_written_as_tests() -> None:
    condition = All(
        (
            Row("n", Operator.GE, 1),
            AnyOf((Row("n", Operator.LT, 5), Row("n", Operator.EQ, 7))),
            Row("n", Operator.NE, 3),
            Not(AnyOf((Row("ok", Operator.EQ, True), Not(Row("ok", Operator.EXISTS))))),
        )
    )
    rule_set = RuleSet(
        FACTS, (Rule("r", (Set("x", 1),), condition),), name="T", outputs={"x": Output("number")}
    )
    written = write_dmn(definitions_of(rule_set)).decode()
    assert "<text>[1..3), (3..5), 7</text>" in written
    again = rule_set_of(read_dmn(written), "T")
    assert check(again) == []
    matcher, other = compile_rules(rule_set), compile_rules(again)
    for n in (0, 1, 2, 3, 4, 5, 6, 7, 8):
        for ok in (True, False):
            assert matcher.evaluate({"n": n, "ok": ok}).fired == other.evaluate({"n": n, "ok": ok}).fired


ONE = {"x": Output("number")}


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        (Rule("r", (Set("x", 1),), Expression("n > 1.0")), "more than one test"),
        (Rule("r", (Set("x", 1),), Row("order.place.name", Operator.CONTAINS, "a")), "more than one test"),
        (
            Rule("r", (Set("x", 1),), AnyOf((Row("n", Operator.EQ, 1), Row("ok", Operator.EQ, True)))),
            "more than one test",
        ),
        (Rule("r", (Call("webhook", "u"),)), "does more than set"),
        (Rule("r", (Set("x", cel="n"),)), "does more than set"),
        (Rule("r", (Set("x", 1),), enabled=False), "disabled"),
        (Rule("r", (Set("x", 1),), valid_from=MOMENTS[0]), "validity"),
    ],
)
def test_what_a_table_cannot_say_is_refused_by_name(rule: Rule, named: str) -> None:
    with pytest.raises(InvalidDmn, match=named):
        definitions_of(RuleSet(FACTS, (rule,), outputs=ONE))


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (table(["> 1 => A + 1"]), "computed from 'A'"),
        (table(["? > 1 => 1"]), "condition on '\\?'"),
        (table(["- => 1"]).replace("<text>A</text>", "<text>A + 1</text>"), "computed"),
        (table(["- => 1"], inputs=("time",)), "of type 'time'"),
        (
            document(
                '<decision id="x" name="X"><literalExpression><text>1</text></literalExpression></decision>'
            ),
            "no decision table",
        ),
    ],
)
def test_what_a_rule_set_cannot_say_is_refused_by_name(source: str, named: str) -> None:
    with pytest.raises(InvalidDmn, match=named):
        rule_set_of(read_dmn(source), "X")


def test_numbers_stay_decimal_through_a_model() -> None:
    source = table(["- => A + 0.2"], outputs="<output/>")
    assert DecisionModel(read_dmn(source)).evaluate("X", {"A": 0.1}).value == Decimal("0.3")
