"""What the local AWS refuses to do, said so that the reader knows what to change."""


class LocalError(Exception):
    """Something on this machine stands in the way. `remedy` is the sentence that says what to do about it."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy


class PortTakenError(LocalError):
    """A port that a service needs is held by another program."""


class MissingError(LocalError):
    """A program, a version or a resource that has to be there is not."""


class NotReadyError(LocalError):
    """A service was started but did not come to answer."""


class DeployError(LocalError):
    """The stack did not deploy, or a function that completes the deploy answered with an error."""
