"""The CDK app: ``cdk deploy --all -c stage=<stage>``."""

from __future__ import annotations

from aws_cdk import App, Tags

from common.operation import PLATFORM, SERVICES
from infra.cdk import nag, stages
from infra.cdk.stacks.api import ApiStack
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.files import FilesStack
from infra.cdk.stacks.network import NetworkStack
from infra.cdk.stacks.observability import ObservabilityStack
from infra.cdk.stacks.service import ServiceStack

TAGLESS = ["AWS::RDS::DBProxyTargetGroup"]
"""Types that the CDK takes for taggable, and CloudFormation does not."""


def build(stage: stages.Stage) -> App:
    """All stacks of a stage; the API last, since its routes name functions of the others."""
    app = App()
    platform = ServiceStack(app, stage, PLATFORM)
    services = [ServiceStack(app, stage, name) for name in SERVICES]
    api = ApiStack(app, stage)
    files = FilesStack(app, stage)
    ObservabilityStack(app, stage)
    if not stage.local:
        platform.add_stack_dependency(DataStack(app, stage, NetworkStack(app, stage)))
    for service in services:
        service.add_stack_dependency(platform)  # its log groups send metric lines to the collector
        api.add_stack_dependency(service)
        files.add_stack_dependency(service)  # its notifications name functions that work off uploads
    for name, value in (("application", stages.PREFIX), ("stage", stage.name)):
        Tags.of(app).add(name, value, exclude_resource_types=TAGLESS)
    return app


if __name__ == "__main__":
    wanted = stages.stage(App().node.try_get_context("stage") or "local")
    made = build(wanted)
    if not wanted.local:
        nag.check(made)
    made.synth()
