"""What the rules service refuses."""

from __future__ import annotations

from common.constraints import means
from common.errors import Conflict, Invalid, NotFound


class KeyTaken(Conflict):
    """Another rule set, or another rule of the set, has the key."""

    code, title = "key_taken", "The key is taken"


class NotPublished(NotFound):
    """The rule set has no such published version."""

    code, title = "not_published", "Nothing published to evaluate"


class TestsFailed(Invalid):
    """The rule set's own tests fail, so its draft is not published; ``failures`` says which and how."""

    __test__ = False
    code, title = "tests_failed", "The rule set's tests fail"


class EvaluationRefused(Invalid):
    """The facts do not fit the rule set. The evaluation is kept, as refused."""

    code, title, keep = "evaluation_refused", "The facts do not fit the rule set", True


means("rule_sets_tenant_id_key_key", lambda: KeyTaken("Another rule set, perhaps an archived one, has it."))
means("rules_tenant_id_set_id_key_key", lambda: KeyTaken("Another rule of the set has this key."))
means("rule_tests_tenant_id_set_id_name_key", lambda: KeyTaken("Another test of the set has this name."))
