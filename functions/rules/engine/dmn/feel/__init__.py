"""FEEL, the expression language of DMN: unary tests and expressions, bounded in steps.

Functions of other languages (``external``) are refused by name. Source: OMG DMN 1.3, chapters 9 and 10.
"""

from rules.engine.dmn.feel.evaluate import evaluate, satisfies
from rules.engine.dmn.feel.parser import FeelError, Vocabulary, parse_expression, parse_unary_tests
from rules.engine.dmn.feel.scope import Scope, TooCostly

__all__ = [
    "FeelError",
    "Scope",
    "TooCostly",
    "Vocabulary",
    "evaluate",
    "parse_expression",
    "parse_unary_tests",
    "satisfies",
]
