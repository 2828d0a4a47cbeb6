"""Alarms with somebody to tell, and dashboards: CloudWatch's part of what ``infra.dashboards`` declares."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.cdk import budget
from infra.cdk.stages import Stage
from infra.dashboards import cloudwatch as widgets
from infra.dashboards.alarms import Alarm, Watch, alarms
from infra.dashboards.panels import Dashboard, dashboards

STATISTICS = frozenset({"Sum", "Maximum", "Minimum", "Average", "SampleCount"})


class ObservabilityStack(Stack):
    """It names what it watches instead of referring to it, so that it deploys on its own."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(
            scope,
            "observability",
            stack_name=stage.name_of("observability"),
            termination_protection=stage.protected,
        )
        key = None if stage.local else self._key()
        topic = self._topic(stage, key)
        for alarm in alarms(stage):
            if alarm.watch is not None:
                self._alarm(stage, alarm, alarm.watch, topic)
        if stage.dashboards:
            for dashboard in dashboards():
                self._dashboard(stage, dashboard)
        if key is not None and stage.budget:
            budget.watch(self, stage, topic, key, self.account)
        CfnOutput(self, "AlarmTopic", value=topic.topic_arn)

    def _topic(self, stage: Stage, key: kms.Key | None) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Alarms",
            topic_name=stage.name_of("alarms"),
            display_name=f"Groundwork {stage.name}",
            enforce_ssl=not stage.local,
            master_key=key,
        )
        if stage.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_email))
        return topic

    def _key(self) -> kms.Key:
        """A key of the topic's own: CloudWatch may not use the one that AWS manages for SNS."""
        key = kms.Key(self, "AlarmKey", description="Alarms on their way", enable_key_rotation=True)
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _alarm(self, stage: Stage, alarm: Alarm, watch: Watch, topic: sns.Topic) -> None:
        simple = watch.statistic in STATISTICS
        dimensions = [
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
            for name, value in watch.dimensions.items()
        ]
        cloudwatch.CfnAlarm(
            self,
            "".join(word.capitalize() for word in alarm.name.replace("_", "-").split("-")),
            alarm_name=stage.name_of(alarm.name),
            alarm_description=f"{alarm.summary}. {alarm.remedy}",
            namespace=watch.namespace,
            metric_name=watch.metric,
            dimensions=dimensions or None,
            statistic=watch.statistic if simple else None,
            extended_statistic=None if simple else watch.statistic,
            comparison_operator=watch.comparison,
            threshold=watch.threshold,
            period=watch.period,
            evaluation_periods=watch.periods,
            treat_missing_data=watch.missing,
            alarm_actions=[topic.topic_arn],
            ok_actions=[topic.topic_arn],
        )

    def _dashboard(self, stage: Stage, dashboard: Dashboard) -> None:
        cloudwatch.CfnDashboard(
            self,
            f"{dashboard.name.capitalize()}Dashboard",
            dashboard_name=stage.name_of(dashboard.name),
            dashboard_body=self.to_json_string(widgets.body(dashboard, self.region)),
        )
