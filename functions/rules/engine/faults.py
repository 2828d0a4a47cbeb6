"""What the engine refuses, by name: each error says which rule, field or place and what to do about it."""

from __future__ import annotations

import msgspec

from common.errors import Invalid, Problem


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wrong with a rule set: a stable ``code``, where it is, and what to do.

    ``place`` is a JSON pointer inside the rule (``/condition/of/1/value``) or, without a rule, inside the
    set.
    """

    code: str
    message: str
    rule: str = ""
    place: str = ""


class InvalidRuleSet(Invalid):
    """The rule set breaks its own schema or a limit; ``faults`` names each place."""

    code, title = "invalid_rule_set", "The rule set cannot be published as it is"

    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        where = f"rule {first.rule!r}: " if first.rule else ""
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        errors = [{"pointer": f.place, "rule": f.rule, "code": f.code, "detail": f.message} for f in faults]
        super().__init__(f"{where}{first.message}{more}", errors=errors)
        self.faults = faults


class InvalidFacts(Invalid):
    """A fact is of another type than the set declares, unknown to it, or too large."""

    code, title = "invalid_facts", "The facts do not fit the rule set"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(
            f"Fact {field!r} {detail}",
            errors=[{"pointer": _pointer(field), "detail": f"Fact {field!r} {detail}"}],
        )
        self.field = field


class MissingFact(Invalid):
    """A rule needs a fact that is not there, and the set's ``missing`` policy is ``error``."""

    code, title = "missing_fact", "A rule needs a fact that is missing"

    def __init__(self, rule: str, fields: list[str]) -> None:
        named = ", ".join(repr(field) for field in fields)
        super().__init__(
            f"Rule {rule!r} needs {named}; supply it, or guard the condition with 'exists'.",
            errors=[{"pointer": _pointer(field), "detail": "missing"} for field in fields],
        )
        self.rule = rule
        self.fields = fields


class MomentRequired(Problem):
    """The set has rules with a validity period, so an evaluation needs the moment it is made for."""

    status, code, title = 422, "moment_required", "Say for which moment to evaluate"


def _pointer(field: str) -> str:
    return "/" + field.replace("~", "~0").replace("/", "~1").replace(".", "/")
