"""Mail of the local stage: the emulator's SES takes it, and sends it nowhere."""

from local import aws

# What `common.settings` names as the sender when nothing else does.
SENDER = "no-reply@groundwork.invalid"


def allow() -> None:
    """Let the platform's sender pass: like AWS, the emulators refuse mail from an unverified address."""
    aws.client("ses").verify_email_identity(EmailAddress=SENDER)
