"""Backups beside the cluster's own: kept longer, in a vault that outlives it, and in another region if asked.

The cluster's own backups go back to any second of the last days, and go when it goes.
"""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.cdk.stages import Stage

DAILY = Duration.days(35)
MONTHLY = Duration.days(400)
LEAST = Duration.days(7)
"""Nobody removes a backup that is younger, whatever rights he has."""


def keep(scope: Construct, stage: Stage, cluster_arn: str, key: kms.IKey) -> None:
    """Back the database up each day and each month."""
    vault = backup.BackupVault(
        scope,
        "Vault",
        backup_vault_name=stage.name_of("backups"),
        encryption_key=key,
        removal_policy=RemovalPolicy.RETAIN,
        lock_configuration=backup.LockConfiguration(min_retention=LEAST),
    )
    elsewhere = (
        [backup.BackupVault.from_backup_vault_arn(scope, "Elsewhere", stage.backup_copies)]
        if stage.backup_copies
        else []
    )
    plan = backup.BackupPlan(scope, "Backups", backup_plan_name=stage.name_of("backups"), backup_vault=vault)
    for name, day, kept in (("daily", "*", DAILY), ("monthly", "1", MONTHLY)):
        plan.add_rule(
            backup.BackupPlanRule(
                rule_name=name,
                schedule_expression=events.Schedule.cron(day=day, hour="3", minute="15"),
                delete_after=kept,
                copy_actions=[
                    backup.BackupPlanCopyActionProps(destination_backup_vault=vault, delete_after=kept)
                    for vault in elsewhere
                ],
            )
        )
    plan.add_selection(
        "Database",
        resources=[backup.BackupResource.from_arn(cluster_arn)],
        role=iam.Role(
            scope,
            "BackupRole",
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AWSBackupServiceRolePolicyForBackup"
                )
            ],
        ),
        disable_default_backup_policy=True,
    )
