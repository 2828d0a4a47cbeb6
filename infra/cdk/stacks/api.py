"""The API: one REST API resource, made from the OpenAPI document of all operations."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from aws_cdk import Aws, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from common.operation import Operation, Route, discover_all
from infra.cdk import firewall
from infra.cdk.environment import version
from infra.cdk.functions import logical_id, retention
from infra.cdk.names import called_name
from infra.cdk.stages import Stage

ACCESS = {
    "request": "$context.requestId",
    "trace": "$context.xrayTraceId",
    "at": "$context.requestTimeEpoch",
    "address": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "firewall": "$context.wafResponseCode",
    "error": "$context.error.message",
}
"""An access log line: the route and not the path, whose parameters may name persons; no header, no query."""


class ApiStack(Stack):
    """The front door. Functions are named, not referred to, so that services deploy on their own."""

    def __init__(self, scope: Construct, stage: Stage, routed: Collection[str] | None = None) -> None:
        super().__init__(
            scope, "api", stack_name=stage.name_of("api"), termination_protection=stage.protected
        )
        operations = [
            o for o in discover_all() if isinstance(o.trigger, Route) and (routed is None or o.id in routed)
        ]
        api = apigateway.SpecRestApi(
            self,
            "Api",
            rest_api_name=stage.name_of("api"),
            api_definition=apigateway.ApiDefinition.from_inline(document(stage, operations)),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            deploy_options=self._options(stage),
            cloud_watch_role=not stage.local,  # of the account and region: without it API Gateway cannot log
            disable_execute_api_endpoint=True if stage.domain else None,
        )
        for operation in operations:
            self._admit(stage, api, operation)
        CfnOutput(self, "ApiId", value=api.rest_api_id)
        CfnOutput(self, "ApiStage", value=stage.name)
        if not stage.local:
            firewall.protect(self, stage, api.deployment_stage.stage_arn)
        if stage.domain:
            self._name(stage, api)

    def _options(self, stage: Stage) -> apigateway.StageOptions:
        """How the stage is run: on AWS with access logs, errors logged, and a limit on requests."""
        if stage.local:
            return apigateway.StageOptions(stage_name=stage.name, tracing_enabled=stage.tracing)
        log = logs.LogGroup(
            self,
            "AccessLog",
            log_group_name=f"/aws/apigateway/{stage.name_of('api')}",
            retention=retention(stage),
            removal_policy=RemovalPolicy.DESTROY,
        )
        return apigateway.StageOptions(
            stage_name=stage.name,
            tracing_enabled=stage.tracing,
            access_log_destination=apigateway.LogGroupLogDestination(log),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS)),
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,  # bodies carry passwords and persons' data
            metrics_enabled=False,  # of each route, and paid for each: the operations count themselves
            throttling_rate_limit=stage.requests_per_second,
            throttling_burst_limit=stage.requests_per_second,
        )

    def _name(self, stage: Stage, api: apigateway.SpecRestApi) -> None:
        """The API's own host name; its DNS record points to ``ApiTarget``, in whatever zone that is."""
        certificate = acm.Certificate.from_certificate_arn(self, "Certificate", stage.certificate)
        name = api.add_domain_name(
            "Domain",
            domain_name=stage.domain,
            certificate=certificate,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )
        CfnOutput(self, "ApiUrl", value=f"https://{stage.domain}")
        CfnOutput(self, "ApiTarget", value=name.domain_name_alias_domain_name)

    def _admit(self, stage: Stage, api: apigateway.SpecRestApi, operation: Operation[..., Any]) -> None:
        """Let this API, and no other, invoke an operation's function, by its own route."""
        route = operation.route
        lambda_.CfnPermission(
            self,
            f"{operation.service.capitalize()}{logical_id(operation)}",
            action="lambda:InvokeFunction",
            principal="apigateway.amazonaws.com",
            function_name=called_name(stage, operation),
            source_arn=api.arn_for_execute_api(route.method, _wild(route.path), stage.name),
        )


def document(stage: Stage, operations: list[Operation[..., Any]]) -> dict[str, Any]:
    """The document that API Gateway imports: routes and integrations only.

    Bodies and parameters are validated by the operations, whose schemas need OpenAPI 3.1; API Gateway
    reads 3.0.
    """
    paths: dict[str, Any] = {}
    for operation in operations:
        route = operation.route
        paths.setdefault(route.path, {})[route.method.lower()] = {
            "operationId": operation.id,
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in route.parameters
            ],
            "responses": {},
            "x-amazon-apigateway-integration": {
                "type": "aws_proxy",
                "httpMethod": "POST",
                "uri": _integration(called_name(stage, operation)),
                "passthroughBehavior": "when_no_match",
            },
        }
    return {
        "openapi": "3.0.1",
        "info": {"title": stage.name_of("api"), "version": version()},
        "paths": paths,
        "x-amazon-apigateway-gateway-responses": _gateway_responses(),
    }


def _integration(name: str) -> str:
    function = f"arn:{Aws.PARTITION}:lambda:{Aws.REGION}:{Aws.ACCOUNT_ID}:function:{name}"
    return (
        f"arn:{Aws.PARTITION}:apigateway:{Aws.REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    )


def _gateway_responses() -> dict[str, Any]:
    """What API Gateway says for itself, in the same form as the operations: problem+json."""
    told = {
        "MISSING_AUTHENTICATION_TOKEN": (404, "not_found", "There is no such route."),
        "REQUEST_TOO_LARGE": (413, "content_too_large", "The body is too large."),
        "THROTTLED": (429, "too_many_requests", "Slow down and try again."),
        "INTEGRATION_TIMEOUT": (504, "timeout", "The operation did not answer in time."),
        "DEFAULT_5XX": (502, "unavailable", "The operation could not be reached."),
    }
    return {
        name: {
            "statusCode": str(status),
            "responseTemplates": {
                "application/json": (
                    f'{{"type":"urn:groundwork:problem:{code}","title":"{detail}","status":{status},'
                    f'"code":"{code}","detail":"{detail}"}}'
                )
            },
            "responseParameters": {"gatewayresponse.header.Content-Type": "'application/problem+json'"},
        }
        for name, (status, code, detail) in told.items()
    }


def _wild(path: str) -> str:
    """A path as execute-api ARNs take it: a star for each parameter."""
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))
