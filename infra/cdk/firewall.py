"""The firewall before the API: known bad addresses and requests, and too many from one address."""

from __future__ import annotations

from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.cdk.stages import Stage

MANAGED: dict[str, tuple[str, ...]] = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
    "AWSManagedRulesCommonRuleSet": (
        # Bodies carry rules, DMN in XML, templates in HTML: they look like attacks, and are only counted.
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "GenericRFI_BODY",
        "GenericLFI_BODY",
        "EC2MetaDataSSRF_BODY",
        # Webhooks and machines may come without one.
        "NoUserAgent_HEADER",
    ),
}
"""AWS' rule groups, each with those of its rules that only count."""


def protect(scope: Construct, stage: Stage, stage_arn: str) -> None:
    """Put a firewall before a stage of the API."""
    acl = waf.CfnWebACL(
        scope,
        "Firewall",
        name=stage.name_of("api"),
        scope="REGIONAL",
        default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=_visible("firewall"),
        rules=[
            _rate(stage),
            *(_managed(place, name) for place, name in enumerate(MANAGED, start=1)),
        ],
    )
    waf.CfnWebACLAssociation(scope, "FirewallOfApi", resource_arn=stage_arn, web_acl_arn=acl.attr_arn)


def _rate(stage: Stage) -> waf.CfnWebACL.RuleProperty:
    """First, so that the flood is not paid for rule by rule."""
    limit = waf.CfnWebACL.RateBasedStatementProperty(limit=stage.requests_of_one, aggregate_key_type="IP")
    return waf.CfnWebACL.RuleProperty(
        name="Rate",
        priority=0,
        action=waf.CfnWebACL.RuleActionProperty(block={}),
        statement=waf.CfnWebACL.StatementProperty(rate_based_statement=limit),
        visibility_config=_visible("rate"),
    )


def _managed(place: int, name: str) -> waf.CfnWebACL.RuleProperty:
    counting = waf.CfnWebACL.RuleActionProperty(count={})
    group = waf.CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=name,
        rule_action_overrides=[
            waf.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=counting)
            for rule in MANAGED[name]
        ]
        or None,
    )
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=place,
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        statement=waf.CfnWebACL.StatementProperty(managed_rule_group_statement=group),
        visibility_config=_visible(name),
    )


def _visible(metric: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
