"""The CDK app: ``cdk deploy --all -c stage=<stage>``."""

from __future__ import annotations

from aws_cdk import App, Tags

from common.operation import PLATFORM, SERVICES
from infra.cdk import stages
from infra.cdk.stacks.api import ApiStack
from infra.cdk.stacks.files import FilesStack
from infra.cdk.stacks.observability import ObservabilityStack
from infra.cdk.stacks.service import ServiceStack


def build(stage: stages.Stage) -> App:
    """All stacks of a stage; the API last, since its routes name functions of the others."""
    app = App()
    platform = ServiceStack(app, stage, PLATFORM)
    services = [ServiceStack(app, stage, name) for name in SERVICES]
    api = ApiStack(app, stage)
    files = FilesStack(app, stage)
    ObservabilityStack(app, stage)
    for service in services:
        service.add_stack_dependency(platform)  # its log groups send metric lines to the collector
        api.add_stack_dependency(service)
        files.add_stack_dependency(service)  # its notifications name functions that work off uploads
    Tags.of(app).add("application", stages.PREFIX)
    Tags.of(app).add("stage", stage.name)
    return app


if __name__ == "__main__":
    app = App()
    build(stages.stage(app.node.try_get_context("stage") or "local")).synth()
