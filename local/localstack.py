"""LocalStack as an ordinary process ("host mode"), with our executor for its Lambdas. Needs Python 3.13."""

from dataclasses import dataclass
from pathlib import Path

from local import aws, lambda_runtime, ports
from local.ministack import healthy
from local.process import Daemon
from local.state import ROOT, STATE
from local.virtualenvs import VirtualEnvironment, interpreter

REQUIREMENTS = Path(__file__).with_name("requirements-localstack.txt")
PYTHON = "3.13"
ENTRY_POINT = """\
[localstack.lambda.runtime_executor]
groundwork = local.localstack_executor:ProcessExecutorPlugin
"""


@dataclass
class LocalStack:
    """One emulator. `home` holds its log and files; `port` is on 127.0.0.1. Its state ends with it."""

    home: Path
    port: int

    @property
    def daemon(self) -> Daemon:
        """The emulator's process."""
        return Daemon("localstack", self.home)

    @property
    def endpoint(self) -> str:
        """The URL of the AWS APIs."""
        return f"http://{ports.HOST}:{self.port}"

    def start(self) -> bool:
        """Bring the emulator up unless it runs already; True if it had to be started, and so is empty."""
        running = self.daemon.running()
        if running and running.notes["port"] == self.port:
            return False
        if running:
            self.stop()
        environment = VirtualEnvironment("localstack", REQUIREMENTS, interpreter(PYTHON))
        python = environment.ensure()
        _register_executor(environment)
        ports.demand(self.port, "The AWS emulator", aws.PORT_VARIABLE)
        self.daemon.start(
            [python, "-m", "localstack.runtime.main"], env=self._environment(), notes={"port": self.port}
        )
        self.daemon.wait_until(self.answers, seconds=90)
        return True

    def stop(self) -> bool:
        """End the emulator and all functions that run in it; False if it did not run."""
        return self.daemon.stop(seconds=15)

    def answers(self) -> bool:
        """Whether the emulator says that it is well."""
        return healthy(self.endpoint)

    def _environment(self) -> dict[str, str]:
        places = {name: self.home / name for name in ("root", "tmp", "volume", "cache")}
        for place in places.values():
            place.mkdir(parents=True, exist_ok=True)
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
            "LAMBDA_LIMITS_CODE_SIZE_UNZIPPED": str(512 * 1024 * 1024),
            **lambda_runtime.environment(),
        }


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
