"""`make up`: from whatever state this machine is in to the running, migrated, seeded platform."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.console import Console

from local import aws, checks, emulator, event_sources, kafka, mail, poller_process, postgres, schedules, seed
from local.deploy import Backing, Deployment
from local.progress import Steps
from local.state import OUTPUTS, exclusively, write_json
from local.summary import summarize


def up(console: Console) -> None:
    """Start, deploy, complete, seed, and say what to try. Safe to repeat, and quick when nothing changed."""
    checks.check()
    with exclusively():
        steps = Steps(console)
        with steps.shown():
            deployment = _deploy(steps)
            with steps.step("Migrate the database, provision topics") as step:
                deployment.complete(step.tell)
                step.tell("")
            with steps.step("Start schedules and event sources"):
                mail.allow()
                poller_process.up(deployment.backing.kafka)
                schedules.start()
            with steps.step("Demo tenant"):
                demo = seed.account()
                token = seed.seed(deployment.api(), demo)
        outputs = _outputs(deployment, demo)
        write_json(OUTPUTS, outputs)
    summarize(console, outputs, token)


def _deploy(steps: Steps) -> Deployment:
    """Start the three services and deploy to them; what does not wait for each other goes together."""
    with ThreadPoolExecutor() as pool:
        run = pool.submit(_start, steps, "AWS", emulator.up, lambda _: aws.endpoint())
        broker = pool.submit(_start, steps, "Kafka", kafka.up, str)
        database = _start(steps, "PostgreSQL", postgres.up, lambda url: url.rsplit("@", 1)[-1])
        backing = Backing(database, broker.result())
        assembly = pool.submit(_synthesize, steps, backing)
        deployment = Deployment(run.result(), backing)
        current = deployment.is_current()
        if not current and not deployment.is_bootstrapped():
            with steps.step("Bootstrap the CDK"):
                deployment.bootstrap()
        assembly.result()
        if not current:
            sources = pool.submit(event_sources.refresh, backing.environment())
            with steps.step("Deploy the stacks"):
                deployment.deploy()
            sources.result()
            deployment.remember()
    return deployment


def _start(steps: Steps, name: str, start: Callable[[], str], shown: Callable[[str], str]) -> str:
    with steps.step(name) as step:
        result = start()
        step.tell(shown(result))
    return result


def _synthesize(steps: Steps, backing: Backing) -> None:
    # no word of the emulator: the assembly does not depend on it, and is made while it starts
    deployment = Deployment("", backing)
    if not deployment.is_synthesized():
        with steps.step("Synthesize the stacks"):
            deployment.synthesize()


def _outputs(deployment: Deployment, demo: seed.Demo) -> dict[str, Any]:
    return {
        "api": deployment.api(),
        "kafka": deployment.backing.kafka,
        "database": deployment.backing.database_url,
        "tenant": demo.tenant,
        "admin": {"email": demo.email, "password": demo.password},
    }
