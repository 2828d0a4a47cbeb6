"""LocalStack as an ordinary process ("host mode"), with our executor for its Lambdas. Needs Python 3.13."""

from pathlib import Path
from typing import ClassVar

from local import aws, lambda_runtime, ports
from local.aws_server import AwsServer
from local.state import ROOT, STATE
from local.virtualenvs import VirtualEnvironment, interpreter

REQUIREMENTS = Path(__file__).with_name("requirements-localstack.txt")
PYTHON = "3.13"
ENTRY_POINT = """\
[localstack.lambda.runtime_executor]
groundwork = local.localstack_executor:ProcessExecutorPlugin
"""


class LocalStack(AwsServer):
    """One emulator."""

    name: ClassVar[str] = "localstack"
    start_seconds: ClassVar[float] = 90
    stop_seconds: ClassVar[float] = 15

    def prepare(self) -> None:
        """Install it, and the executor in it."""
        environment = _virtual_environment()
        environment.ensure()
        _register_executor(environment)
        for place in self._places().values():
            place.mkdir(exist_ok=True)

    def launch(self) -> None:
        """Start it with its own interpreter."""
        command = [str(_virtual_environment().python), "-m", "localstack.runtime.main"]
        self.daemon.start(command, env=self._environment(), notes={"port": self.port})

    def _places(self) -> dict[str, Path]:
        return {name: self.home / name for name in ("root", "tmp", "volume", "cache")}

    def _environment(self) -> dict[str, str]:
        places = self._places()
        outward = aws.process_environment()
        # its own calls to itself must not take the way that everybody else is shown
        own = {name: value for name, value in outward.items() if not name.startswith(("AWS_", "CDK_"))}
        return {
            **own,
            "PYTHONPATH": str(ROOT),
            "GATEWAY_LISTEN": f"{ports.HOST}:{self.port}",
            "LOCALSTACK_HOST": f"{ports.HOST}:{self.port}",
            "ACTIVATE_PRO": "0",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "EAGER_SERVICE_LOADING": "0",
            "LS_LOG": "warning",
            "FILESYSTEM_ROOT": str(places["root"]),
            "TMPDIR": str(places["tmp"]),
            "LOCALSTACK_VOLUME_DIR": str(places["volume"]),
            "XDG_CACHE_HOME": str(places["cache"]),
            "LAMBDA_SYNCHRONOUS_CREATE": "1",
            "LAMBDA_RUNTIME_EXECUTOR": "groundwork",
            # seconds before an asynchronous invocation is tried again, where AWS takes a minute and two
            "LAMBDA_RETRY_BASE_DELAY": "1",
            "LAMBDA_LIMITS_CODE_SIZE_UNZIPPED": str(512 * 1024 * 1024),
            **lambda_runtime.environment(),
        }


def _virtual_environment() -> VirtualEnvironment:
    return VirtualEnvironment("localstack", REQUIREMENTS, interpreter(PYTHON))


def _register_executor(environment: VirtualEnvironment) -> None:
    """Let LocalStack's plugin manager find the executor, by an entry point like an installed package's."""
    (site_packages,) = environment.home.glob("lib/python*/site-packages")
    place = site_packages / "groundwork_executor-0.dist-info"
    place.mkdir(exist_ok=True)
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: groundwork-executor\nVersion: 0\n")
    (place / "entry_points.txt").write_text(ENTRY_POINT)


def localstack() -> LocalStack:
    """The emulator of the local stage, in `.local/localstack`."""
    return LocalStack(STATE / "localstack", aws.port())
