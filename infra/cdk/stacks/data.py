"""What a stage on AWS keeps: Aurora PostgreSQL behind a proxy, a Kafka cluster, and its secrets."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Fn, RemovalPolicy, Stack, custom_resources
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_msk as msk
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.cdk import backups
from infra.cdk.names import DATABASE, OWNER, parameter
from infra.cdk.stacks.network import NetworkStack
from infra.cdk.stages import Stage

SCRAM = "POSTGRES_SCRAM_SHA_256"


class DataStack(Stack):
    """Database, broker and secrets, encrypted with a key of the stage's own.

    Other stacks learn of them through SSM parameters, so that nothing here is ever held by an export.
    """

    def __init__(self, scope: Construct, stage: Stage, network: NetworkStack) -> None:
        super().__init__(
            scope, "data", stack_name=stage.name_of("data"), termination_protection=stage.protected
        )
        self._stage = stage
        self._told = Construct(self, "Told")
        self._removal = RemovalPolicy.RETAIN if stage.protected else RemovalPolicy.DESTROY
        self._key = kms.Key(
            self,
            "Key",
            alias=f"alias/{stage.name_of('data')}",
            enable_key_rotation=True,
            removal_policy=self._removal,
        )
        cluster = self._database(network)
        proxy = self._proxy(network, cluster)
        broker = self._broker(network)
        if stage.protected:
            backups.keep(self, stage, cluster.cluster_arn, self._key)
        assert cluster.secret is not None
        self._tell("database-host", cluster.cluster_endpoint.hostname)
        self._tell("database-secret", cluster.secret.secret_arn)
        self._tell("proxy-host", proxy.attr_endpoint)
        self._tell("proxy-id", Fn.select(6, Fn.split(":", proxy.attr_db_proxy_arn)))
        self._tell("kafka-arn", broker.attr_arn)
        self._tell("kafka-bootstrap", self._bootstrap(broker))
        signing = self._secret("SigningSecret", "Encrypts the token signing keys at rest")
        self._tell("signing-secret", signing.secret_arn)
        if stage.metrics_protected:
            scrape = self._secret("ScrapeSecret", "Bearer token of the Prometheus scraper")
            self._tell("scrape-secret", scrape.secret_arn)
        self._tell("key", self._key.key_arn)

    def _secret(self, name: str, description: str) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            name,
            description=description,
            encryption_key=self._key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=self._removal,
        )

    def _database(self, network: NetworkStack) -> rds.DatabaseCluster:
        stage = self._stage
        return rds.DatabaseCluster(
            self,
            "Database",
            engine=rds.DatabaseClusterEngine.aurora_postgres(
                version=rds.AuroraPostgresEngineVersion.VER_17_9
            ),
            credentials=rds.Credentials.from_username(OWNER, encryption_key=self._key),
            manage_master_user_password=True,  # RDS makes the secret and rotates it each week
            default_database_name=DATABASE,
            writer=rds.ClusterInstance.serverless_v2("Writer", enable_performance_insights=stage.protected),
            readers=[
                rds.ClusterInstance.serverless_v2(f"Reader{n}", scale_with_writer=True)
                for n in range(stage.database_readers)
            ],
            serverless_v2_min_capacity=stage.database_capacity[0],
            serverless_v2_max_capacity=stage.database_capacity[1],
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name="data"),
            security_groups=[network.data],
            iam_authentication=True,
            storage_encrypted=True,
            storage_encryption_key=self._key,
            backup=rds.BackupProps(retention=Duration.days(stage.backup_days)),
            copy_tags_to_snapshot=True,
            deletion_protection=stage.protected,
            removal_policy=RemovalPolicy.SNAPSHOT if stage.protected else RemovalPolicy.DESTROY,
            cloudwatch_logs_exports=["postgresql"],
            parameters={"rds.force_ssl": "1", "log_min_duration_statement": "500"},
        )

    def _proxy(self, network: NetworkStack, cluster: rds.DatabaseCluster) -> rds.CfnDBProxy:
        """A proxy that passes each login's IAM identity on: no password of a login exists anywhere.

        The owner alone has one, which the proxy takes from its secret: the migrations sign in with it, since
        nobody can have granted the owner to sign in by IAM before the first of them.
        """
        assert cluster.secret is not None
        role = iam.Role(self, "ProxyRole", assumed_by=iam.ServicePrincipal("rds.amazonaws.com"))
        logins = self.format_arn(
            service="rds-db",
            resource="dbuser",
            resource_name=f"{cluster.cluster_resource_identifier}/groundwork_*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        role.add_to_policy(iam.PolicyStatement(sid="Logins", actions=["rds-db:connect"], resources=[logins]))
        owner = cluster.secret.secret_arn
        role.add_to_policy(
            iam.PolicyStatement(sid="Owner", actions=["secretsmanager:GetSecretValue"], resources=[owner])
        )
        role.add_to_policy(
            iam.PolicyStatement(sid="OwnerKey", actions=["kms:Decrypt"], resources=[self._key.key_arn])
        )
        subnets = network.vpc.select_subnets(subnet_group_name="data")
        proxy = rds.CfnDBProxy(
            self,
            "Proxy",
            db_proxy_name=self._stage.name_of("proxy"),
            engine_family="POSTGRESQL",
            default_auth_scheme="IAM_AUTH",
            auth=[
                rds.CfnDBProxy.AuthFormatProperty(
                    auth_scheme="SECRETS",
                    client_password_auth_type=SCRAM,
                    iam_auth="DISABLED",
                    secret_arn=owner,
                )
            ],
            role_arn=role.role_arn,
            require_tls=True,
            vpc_subnet_ids=subnets.subnet_ids,
            vpc_security_group_ids=[network.data.security_group_id],
        )
        target = rds.CfnDBProxyTargetGroup(
            self,
            "ProxyTarget",
            db_proxy_name=proxy.ref,
            target_group_name="default",
            db_cluster_identifiers=[cluster.cluster_identifier],
            connection_pool_configuration_info=rds.CfnDBProxyTargetGroup.ConnectionPoolConfigurationInfoFormatProperty(
                max_connections_percent=90, max_idle_connections_percent=30, connection_borrow_timeout=5
            ),
        )
        target.node.add_dependency(cluster)
        return proxy

    def _broker(self, network: NetworkStack) -> msk.CfnServerlessCluster:
        subnets = network.vpc.select_subnets(subnet_group_name="data")
        broker = msk.CfnServerlessCluster(
            self,
            "Broker",
            cluster_name=self._stage.name_of("events"),
            client_authentication=msk.CfnServerlessCluster.ClientAuthenticationProperty(
                sasl=msk.CfnServerlessCluster.SaslProperty(
                    iam=msk.CfnServerlessCluster.IamProperty(enabled=True)
                )
            ),
            vpc_configs=[
                msk.CfnServerlessCluster.VpcConfigProperty(
                    subnet_ids=subnets.subnet_ids, security_groups=[network.data.security_group_id]
                )
            ],
        )
        broker.apply_removal_policy(self._removal)
        return broker

    def _bootstrap(self, broker: msk.CfnServerlessCluster) -> str:
        """The brokers' addresses, which CloudFormation does not tell."""
        asked = custom_resources.AwsSdkCall(
            service="Kafka",
            action="getBootstrapBrokers",
            parameters={"ClusterArn": broker.attr_arn},
            physical_resource_id=custom_resources.PhysicalResourceId.of("bootstrap"),
            output_paths=["BootstrapBrokerStringSaslIam"],
        )
        told = custom_resources.AwsCustomResource(
            self,
            "Bootstrap",
            on_update=asked,
            policy=custom_resources.AwsCustomResourcePolicy.from_statements(
                [
                    iam.PolicyStatement(
                        sid="Bootstrap", actions=["kafka:GetBootstrapBrokers"], resources=[broker.attr_arn]
                    )
                ]
            ),
            install_latest_aws_sdk=False,
            memory_size=256,
        )
        return told.get_response_field("BootstrapBrokerStringSaslIam")

    def _tell(self, name: str, value: str) -> None:
        ssm.StringParameter(
            self._told,
            "".join(word.capitalize() for word in name.split("-")),
            parameter_name=parameter(self._stage, name),
            string_value=value,
        )
