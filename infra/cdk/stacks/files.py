"""The files stack: the bucket that imports are put in and exports come from, and what an upload starts."""

from __future__ import annotations

from aws_cdk import CfnDeletionPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from common.operation import SERVICES, Upload, discover_all
from infra.cdk.functions import called_arn, logical_id
from infra.cdk.names import bucket_name, called_name
from infra.cdk.stages import Stage

KEPT_DAYS = 30
"""Days until a file is deleted."""


class FilesStack(Stack):
    """One bucket. Its notifications name the functions that work off uploads, so those stacks come first.

    The notifications are the bucket's own property and not a custom resource: a local AWS has them too.
    """

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(
            scope, "files", stack_name=stage.name_of("files"), termination_protection=stage.protected
        )
        name = bucket_name(stage)
        uploads = [o for o in discover_all(SERVICES) if isinstance(o.trigger, Upload)]
        admitted = [
            lambda_.CfnPermission(
                self,
                f"{operation.service.capitalize()}{logical_id(operation)}",
                action="lambda:InvokeFunction",
                principal="s3.amazonaws.com",
                function_name=called_name(stage, operation),
                source_account=self.account,
                source_arn=f"arn:{self.partition}:s3:::{name}",
            )
            for operation in uploads
        ]
        bucket = s3.CfnBucket(
            self,
            "Bucket",
            bucket_name=name,
            bucket_encryption=_encrypted(),
            public_access_block_configuration=_private(),
            ownership_controls=_owned(),
            lifecycle_configuration=_expiring(),
            notification_configuration=s3.CfnBucket.NotificationConfigurationProperty(
                lambda_configurations=[
                    s3.CfnBucket.LambdaConfigurationProperty(
                        event="s3:ObjectCreated:*",
                        function=called_arn(self, stage, operation),
                        filter=_under(operation.trigger.prefix),
                    )
                    for operation in uploads
                    if isinstance(operation.trigger, Upload)
                ]
            ),
        )
        for permission in admitted:
            bucket.add_dependency(permission)
        if stage.protected:
            bucket.cfn_options.deletion_policy = CfnDeletionPolicy.RETAIN
            bucket.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        if not stage.local:
            _demand_tls(self, bucket)


def _under(prefix: str) -> s3.CfnBucket.NotificationFilterProperty:
    rule = s3.CfnBucket.FilterRuleProperty(name="prefix", value=prefix)
    return s3.CfnBucket.NotificationFilterProperty(s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[rule]))


def _encrypted() -> s3.CfnBucket.BucketEncryptionProperty:
    default = s3.CfnBucket.ServerSideEncryptionByDefaultProperty(sse_algorithm="AES256")
    rule = s3.CfnBucket.ServerSideEncryptionRuleProperty(server_side_encryption_by_default=default)
    return s3.CfnBucket.BucketEncryptionProperty(server_side_encryption_configuration=[rule])


def _private() -> s3.CfnBucket.PublicAccessBlockConfigurationProperty:
    return s3.CfnBucket.PublicAccessBlockConfigurationProperty(
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )


def _owned() -> s3.CfnBucket.OwnershipControlsProperty:
    rule = s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")
    return s3.CfnBucket.OwnershipControlsProperty(rules=[rule])


def _expiring() -> s3.CfnBucket.LifecycleConfigurationProperty:
    abort = s3.CfnBucket.AbortIncompleteMultipartUploadProperty(days_after_initiation=2)
    rule = s3.CfnBucket.RuleProperty(
        id="expire", status="Enabled", expiration_in_days=KEPT_DAYS, abort_incomplete_multipart_upload=abort
    )
    return s3.CfnBucket.LifecycleConfigurationProperty(rules=[rule])


def _demand_tls(scope: Construct, bucket: s3.CfnBucket) -> None:
    s3.CfnBucketPolicy(
        scope,
        "Policy",
        bucket=bucket.ref,
        policy_document={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [bucket.attr_arn, f"{bucket.attr_arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        },
    )
