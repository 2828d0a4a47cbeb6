"""What a stage may cost in a month, and who is told before and when it costs more."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.cdk.stages import Stage

SERVICE = "budgets.amazonaws.com"
TOLD = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
"""Of what is spent, or of what the month will come to, at how many percent somebody is told."""


def watch(scope: Construct, stage: Stage, topic: sns.Topic, key: kms.IKey, account: str) -> None:
    """Have AWS Budgets tell the alarms' topic. It counts what carries the stage's tag, once the account's
    payer has activated ``stage`` as a cost allocation tag.
    """
    of_here = {"StringEquals": {"aws:SourceAccount": account}}
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Budget",
            principals=[iam.ServicePrincipal(SERVICE)],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions=of_here,
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(SERVICE)],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions=of_here,
        )
    )
    budgets.CfnBudget(
        scope,
        "Budget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_name=stage.name_of("month"),
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=stage.budget, unit="USD"),
            cost_filters={"TagKeyValue": [f"user:stage${stage.name}"]},
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type=kind, comparison_operator="GREATER_THAN", threshold=percent
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=topic.topic_arn)
                ],
            )
            for kind, percent in TOLD
        ],
    )
