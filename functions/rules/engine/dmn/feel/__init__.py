"""FEEL, the expression language of DMN, as far as conformance level 2 needs it: S-FEEL with its unary tests.

Also read are ``and``, ``or``, ``if``, ``in``, ``between``, lists, paths and the built-in functions over them.
Iteration, filters, boxed contexts, function definitions and ``instance of`` belong to level 3 and are refused
by name. Source: OMG DMN 1.3, chapters 9 and 10.
"""

from rules.engine.dmn.feel.evaluate import Scope, evaluate, satisfies
from rules.engine.dmn.feel.parser import FeelError, Vocabulary, parse_expression, parse_unary_tests

__all__ = [
    "FeelError",
    "Scope",
    "Vocabulary",
    "evaluate",
    "parse_expression",
    "parse_unary_tests",
    "satisfies",
]
