"""What both AWS emulators have in common."""

from typing import ClassVar

import httpx

from local import aws, ports
from local.server import Server


class AwsServer(Server):
    """An AWS emulator. Its state is in memory and ends with it."""

    title: ClassVar[str] = "The AWS emulator"
    port_variable: ClassVar[str] = aws.PORT_VARIABLE

    @property
    def endpoint(self) -> str:
        """The URL of the AWS APIs."""
        return f"http://{ports.HOST}:{self.port}"

    def answers(self) -> bool:
        """Whether the emulator says that it is well."""
        return healthy(self.endpoint)


def healthy(endpoint: str) -> bool:
    """Whether an emulator at this URL says that it is well. LocalStack and ministack share the route."""
    try:
        return httpx.get(f"{endpoint}/_localstack/health", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
