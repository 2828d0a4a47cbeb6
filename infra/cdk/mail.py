"""Names of what sends a stage's mail, on which stacks agree without referring to each other."""

from __future__ import annotations

from infra.cdk.stages import Stage


def sender(stage: Stage) -> str:
    """Who the mail is from."""
    return f"no-reply@{stage.mail_domain}"


def configuration(stage: Stage) -> str:
    """The name of the configuration set that the domain's mail is sent under."""
    return stage.name_of("mail")
