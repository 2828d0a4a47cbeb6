"""The CDK app: ``cdk deploy --all -c stage=<stage>``."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from aws_cdk import App, Tags

from common.operation import PLATFORM, SERVICES
from infra.cdk import nag, stages
from infra.cdk.shift import ShiftStack
from infra.cdk.stacks.api import ApiStack
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.files import FilesStack
from infra.cdk.stacks.mail import MailStack
from infra.cdk.stacks.network import NetworkStack
from infra.cdk.stacks.observability import ObservabilityStack
from infra.cdk.stacks.service import MIGRATION, ServiceStack

TAGLESS = ["AWS::RDS::DBProxyTargetGroup"]
"""Types that the CDK takes for taggable, and CloudFormation does not."""


def build(stage: stages.Stage, routed: Collection[str] | None = None) -> App:
    """All stacks of a stage; the API last, since its routes name functions of the others.

    ``routed`` are the operations that the API has routes to, if not all.
    """
    app = App()
    platform = ServiceStack(app, stage, PLATFORM)
    services = [ServiceStack(app, stage, name) for name in SERVICES]
    api = ApiStack(app, stage, routed)
    files = FilesStack(app, stage)
    ObservabilityStack(app, stage)
    if stage.mail_domain:
        MailStack(app, stage)
    if not stage.local:
        migration = ServiceStack(app, stage, MIGRATION)
        migration.add_stack_dependency(DataStack(app, stage, NetworkStack(app, stage)))
        platform.add_stack_dependency(migration)
    if stage.shift:
        for name, made in zip((PLATFORM, *SERVICES), (platform, *services), strict=True):
            made.add_stack_dependency(ShiftStack(app, stage, name))
    for service in services:
        service.add_stack_dependency(platform)  # its log groups send metric lines to the collector
        api.add_stack_dependency(service)
        files.add_stack_dependency(service)  # its notifications name functions that work off uploads
    if not stage.local:
        for owner, stack in zip((PLATFORM, *SERVICES), (platform, *services), strict=True):
            Tags.of(stack).add("service", owner)
    for name, value in (("application", stages.PREFIX), ("stage", stage.name)):
        Tags.of(app).add(name, value, exclude_resource_types=TAGLESS)
    return app


if __name__ == "__main__":
    asked = App().node.try_get_context
    wanted = stages.stage(
        asked("stage") or "local", release=asked("release") or "", at_once=asked("at-once") == "true"
    )
    only = asked("routed")
    made = build(wanted, json.loads(Path(only).read_text()) if only else None)
    if not wanted.local:
        nag.check(made)
    made.synth()
