"""What can be wrong with an expression, each with the place in its source."""


class CelError(Exception):
    """An expression that cannot be compiled or evaluated.

    `message` is the sentence alone, `offset` counts characters from the start of the source, `line` and
    `column` count from one. `str()` gives the sentence with its place.
    """

    def __init__(self, message: str, offset: int | None = None, source: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self._source = source

    def locate(self, source: str) -> None:
        """Name the source that `offset` counts in; the first to know it wins."""
        if self._source is None:
            self._source = source

    @property
    def line(self) -> int | None:
        """The line of the fault, from one; None where the place is unknown."""
        if self.offset is None or self._source is None:
            return None
        return self._source.count("\n", 0, self.offset) + 1

    @property
    def column(self) -> int | None:
        """The column of the fault in code points, from one; None where the place is unknown."""
        if self.offset is None or self._source is None:
            return None
        return self.offset - self._source.rfind("\n", 0, self.offset)

    def __str__(self) -> str:
        if self.line is None:
            return self.message
        return f"{self.message} (line {self.line}, column {self.column})"


class CelSyntaxError(CelError):
    """The source is not CEL, or is larger or nests deeper than its limits allow."""


class CelCheckError(CelError):
    """The expression does not fit its declarations, or asks for what this implementation refuses."""


class CelEvaluationError(CelError):
    """The expression has no value for these bindings: CEL's runtime error, which `&&` and `||` may absorb."""


class CelMissingError(CelEvaluationError):
    """A variable or a field that the expression reads is not there.

    `path` is what was missing, dotted (`order.customer.name`), as far as the expression spells it out.
    """

    def __init__(self, message: str, path: str, offset: int | None = None) -> None:
        super().__init__(message, offset)
        self.path = path


class CelLimitError(CelEvaluationError):
    """The evaluation would cost more than its limits allow; no operator absorbs it."""
