"""What a stage has once its account has the names for it: its own host name, mail, copies of its backups."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from infra.cdk import nag
from infra.cdk.stacks.api import ApiStack
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.mail import MailStack
from infra.cdk.stacks.network import NetworkStack
from infra.cdk.stages import stage
from infra.dashboards.alarms import alarms

pytestmark = [pytest.mark.xdist_group("synthesis"), pytest.mark.timeout(600)]

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0"
COPIES = "arn:aws:backup:eu-west-1:123456789012:backup-vault:groundwork-prod-copies"
NAMED = stage(
    "prod",
    domain="api.example.com",
    certificate=CERTIFICATE,
    mail_domain="example.com",
    backup_copies=COPIES,
)


def properties(template: Template, kind: str) -> list[dict[str, Any]]:
    return [found["Properties"] for found in template.find_resources(kind).values()]


def test_mail_is_signed_aligned_encrypted_and_counted() -> None:
    template = Template.from_stack(MailStack(App(), NAMED))
    (identity,) = properties(template, "AWS::SES::EmailIdentity")
    assert identity["EmailIdentity"] == "example.com"
    assert identity["DkimSigningAttributes"] == {"NextSigningKeyLength": "RSA_2048_BIT"}
    assert identity["MailFromAttributes"]["MailFromDomain"] == "bounce.example.com"
    assert identity["ConfigurationSetAttributes"]["ConfigurationSetName"]
    (configured,) = properties(template, "AWS::SES::ConfigurationSet")
    assert configured["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
    assert configured["ReputationOptions"] == {"ReputationMetricsEnabled": True}
    assert configured["SuppressionOptions"]["SuppressedReasons"] == ["BOUNCE", "COMPLAINT"]
    (counted,) = properties(template, "AWS::SES::ConfigurationSetEventDestination")
    assert {"bounce", "complaint"} <= set(counted["EventDestination"]["MatchingEventTypes"])
    told = json.dumps([output["Value"] for output in template.find_outputs("*").values()])
    assert told.count("CNAME") == 3
    assert "MX 10 feedback-smtp." in told
    assert "v=DMARC1" in told


def test_the_mail_stack_is_as_cdk_nag_wants_it() -> None:
    app = App()
    MailStack(app, NAMED)
    assert nag.open_findings(nag.findings(app)) == []


def test_somebody_is_told_when_mail_comes_back() -> None:
    named = {alarm.name: alarm for alarm in alarms(NAMED)}
    assert {"mail-bounces", "mail-complaints"} <= set(named)
    for name in ("mail-bounces", "mail-complaints"):
        watch = named[name].watch
        assert watch is not None
        assert watch.dimensions == {"ses:configuration-set": "groundwork-prod-mail"}
    assert not {"mail-bounces", "mail-complaints"} & {alarm.name for alarm in alarms(stage("prod"))}


def test_the_api_has_its_own_name_and_no_other_door() -> None:
    template = Template.from_stack(ApiStack(App(), NAMED))
    (api,) = properties(template, "AWS::ApiGateway::RestApi")
    assert api["DisableExecuteApiEndpoint"] is True
    (name,) = properties(template, "AWS::ApiGateway::DomainName")
    assert (name["DomainName"], name["SecurityPolicy"]) == ("api.example.com", "TLS_1_2")
    assert name["RegionalCertificateArn"] == CERTIFICATE
    (mapped,) = properties(template, "AWS::ApiGateway::BasePathMapping")
    assert mapped["RestApiId"]


def test_every_backup_is_copied_to_the_vault_in_another_region() -> None:
    app = App()
    template = Template.from_stack(DataStack(app, NAMED, NetworkStack(app, NAMED)))
    (plan,) = properties(template, "AWS::Backup::BackupPlan")
    rules = plan["BackupPlan"]["BackupPlanRule"]
    assert len(rules) == 2
    for rule in rules:
        (copy,) = rule["CopyActions"]
        assert copy["DestinationBackupVaultArn"] == COPIES
        assert copy["Lifecycle"] == rule["Lifecycle"]
