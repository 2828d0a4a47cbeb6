"""The network of a stage on AWS: private subnets, and endpoints in place of a NAT gateway."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.cdk.names import parameter
from infra.cdk.stages import Stage

ENDPOINTS = {
    "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Functions": ec2.InterfaceVpcEndpointAwsService.LAMBDA_,
    "Queues": ec2.InterfaceVpcEndpointAwsService.SQS,
    "Mail": ec2.InterfaceVpcEndpointAwsService.EMAIL,
    "Traces": ec2.InterfaceVpcEndpointAwsService.XRAY,
    "Identity": ec2.InterfaceVpcEndpointAwsService.STS,
}
"""What functions call besides the database, the broker and S3; each costs by the hour and zone.

The event source mappings of Kafka, too, are in this network: they sign in (STS), invoke, and give failures to
the queues.
"""


class NetworkStack(Stack):
    """A VPC with isolated subnets for data and private ones for functions.

    Without an explicit environment the zones are CloudFormation's own: synthesis looks nothing up.
    """

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(
            scope,
            "network",
            stack_name=stage.name_of("network"),
            termination_protection=stage.protected,
        )
        kind = ec2.SubnetType.PRIVATE_WITH_EGRESS if stage.nat_gateways else ec2.SubnetType.PRIVATE_ISOLATED
        subnets = [
            ec2.SubnetConfiguration(name="functions", subnet_type=kind, cidr_mask=20),
            ec2.SubnetConfiguration(name="data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
        ]
        if stage.nat_gateways:
            subnets.append(
                ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=28)
            )
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.64.0.0/16"),
            max_azs=stage.zones,
            nat_gateways=stage.nat_gateways,
            subnet_configuration=subnets,
            restrict_default_security_group=False,
            gateway_endpoints={
                "Files": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)
            },
        )
        self.vpc.add_flow_log("Flow")
        self.functions = ec2.SecurityGroup(
            self, "FunctionsGroup", vpc=self.vpc, description="Functions of all operations"
        )
        self.data = ec2.SecurityGroup(
            self, "DataGroup", vpc=self.vpc, description="Database, proxy, broker", allow_all_outbound=False
        )
        self.data.add_ingress_rule(self.functions, ec2.Port.tcp(5432), "PostgreSQL, through the proxy")
        self.data.add_ingress_rule(self.functions, ec2.Port.tcp(9098), "Kafka, by IAM")
        self.data.connections.allow_internally(
            ec2.Port.all_traffic(), "The proxy to the database; event sources to the broker"
        )
        self.data.add_egress_rule(
            ec2.Peer.ipv4(self.vpc.vpc_cidr_block), ec2.Port.tcp(443), "Event sources to the endpoints"
        )
        for name, service in ENDPOINTS.items():
            if name != "Traces" or stage.tracing:
                self.vpc.add_interface_endpoint(
                    name, service=service, subnets=ec2.SubnetSelection(subnet_group_name="functions")
                )
        ssm.StringListParameter(
            self,
            "Subnets",
            parameter_name=parameter(stage, "subnets"),
            string_list_value=self.vpc.select_subnets(subnet_group_name="functions").subnet_ids,
        )
        ssm.StringParameter(
            self,
            "FunctionsGroupId",
            parameter_name=parameter(stage, "functions-group"),
            string_value=self.functions.security_group_id,
        )
