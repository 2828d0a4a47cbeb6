"""Compiling an expression once, and evaluating it many times."""

from collections.abc import Mapping
from typing import Any

from common.cel.checker import check
from common.cel.emitter import Emitter
from common.cel.errors import CelError, CelLimitError
from common.cel.limits import DEFAULT_LIMITS, Limits, Meter
from common.cel.names import Reads
from common.cel.operators import METER, Frame
from common.cel.parser import parse, too_deep
from common.cel.syntax import Node
from common.cel.types import DYN, CelType
from common.cel.values import SCALARS, plain


class Program:
    """A compiled expression. It holds no state between evaluations and may be shared by threads.

    `source` is its text and `tree` its syntax. `references` are the variables it reads, `paths` what it reads
    of them, dotted: `order.total`. `result_type` is what checking inferred; dyn for an expression compiled
    without declarations.
    """

    __slots__ = ("_limits", "_metered", "_run", "paths", "references", "result_type", "source", "tree")

    def __init__(
        self,
        source: str,
        tree: Node,
        declarations: Mapping[str, CelType] | None,
        container: str,
        limits: Limits,
    ) -> None:
        self.source = source
        self.tree = tree
        checked = None if declarations is None else check(tree, declarations, container)
        self.result_type: CelType = DYN if checked is None else checked.types[id(tree)]
        reads = Reads(tree, declarations, container)
        self.references: frozenset[str] = frozenset(reads.variables)
        self.paths: frozenset[str] = frozenset(reads.paths)
        emitter = Emitter(limits, container, checked)
        self._run = emitter.emit(tree)
        self._metered = emitter.metered
        self._limits = limits

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """The expression's value for these variables, as a Python object.

        Facts are read as they are (see `common.cel.values`) and never changed; the result shares nothing with
        them. CelEvaluationError where there is no value, CelMissingError where that is for want of a variable
        or field, CelLimitError where it would cost too much.
        """
        try:
            frame: Frame = bindings if bindings.__class__ is dict else dict(bindings)
            if self._metered:
                frame = {**bindings, METER: Meter(self._limits.cost)}
            value = self._run(frame)
            return value if value.__class__ in SCALARS else plain(value, Meter(self._limits.cost))
        except CelError as error:
            error.locate(self.source)
            raise
        except RecursionError:
            raise CelLimitError(
                "the expression and the facts nest too deeply to be evaluated", 0, self.source
            ) from None

    def __repr__(self) -> str:
        return f"<Program {self.source!r}>"


def compile(  # noqa: A001
    source: str,
    *,
    declarations: Mapping[str, CelType] | None = None,
    container: str = "",
    limits: Limits | None = None,
) -> Program:
    """Compile an expression.

    With `declarations`, names are looked up in them and operands are checked (CelCheckError); without, both
    are found out by evaluating. Names are resolved inside `container`, a dotted package name. CelSyntaxError
    for what is not CEL or exceeds `limits`.
    """
    limits = limits or DEFAULT_LIMITS
    try:
        return Program(source, parse(source, limits), declarations, container, limits)
    except CelError as error:
        error.locate(source)
        raise
    except RecursionError:
        deep = too_deep(limits.depth, 0)
        deep.locate(source)
        raise deep from None
