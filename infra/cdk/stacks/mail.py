"""Mail: the domain that users are written to from, and what its mail meets with."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ses as ses
from constructs import Construct

from infra.cdk.mail import configuration
from infra.cdk.stages import Stage

EVENTS = ["send", "delivery", "reject", "bounce", "complaint"]


class MailStack(Stack):
    """An identity that signs with DKIM, with a MAIL FROM domain of its own so that SPF is aligned too.

    The DNS records it asks for are outputs: the zone is not the stage's. SES sends to anybody only once the
    account has left its sandbox.
    """

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(
            scope, "mail", stack_name=stage.name_of("mail"), termination_protection=stage.protected
        )
        made = self._configuration(stage)
        bounces = f"bounce.{stage.mail_domain}"
        identity = ses.CfnEmailIdentity(
            self,
            "Domain",
            email_identity=stage.mail_domain,
            configuration_set_attributes=ses.CfnEmailIdentity.ConfigurationSetAttributesProperty(
                configuration_set_name=made.ref
            ),
            dkim_signing_attributes=ses.CfnEmailIdentity.DkimSigningAttributesProperty(
                next_signing_key_length="RSA_2048_BIT"
            ),
            mail_from_attributes=ses.CfnEmailIdentity.MailFromAttributesProperty(
                mail_from_domain=bounces, behavior_on_mx_failure="USE_DEFAULT_VALUE"
            ),
        )
        self._tell(
            "Dkim1", f"{identity.attr_dkim_dns_token_name1} CNAME {identity.attr_dkim_dns_token_value1}"
        )
        self._tell(
            "Dkim2", f"{identity.attr_dkim_dns_token_name2} CNAME {identity.attr_dkim_dns_token_value2}"
        )
        self._tell(
            "Dkim3", f"{identity.attr_dkim_dns_token_name3} CNAME {identity.attr_dkim_dns_token_value3}"
        )
        self._tell("Bounces", f"{bounces} MX 10 feedback-smtp.{self.region}.amazonses.com")
        self._tell("Spf", f'{bounces} TXT "v=spf1 include:amazonses.com -all"')
        self._tell("Dmarc", f'_dmarc.{stage.mail_domain} TXT "v=DMARC1; p=reject; adkim=r; aspf=r"')

    def _configuration(self, stage: Stage) -> ses.CfnConfigurationSet:
        """TLS or nothing; who bounced or complained is not written to again; rates and counts are metrics."""
        made = ses.CfnConfigurationSet(
            self,
            "Mail",
            name=configuration(stage),
            delivery_options=ses.CfnConfigurationSet.DeliveryOptionsProperty(tls_policy="REQUIRE"),
            reputation_options=ses.CfnConfigurationSet.ReputationOptionsProperty(
                reputation_metrics_enabled=True
            ),
            sending_options=ses.CfnConfigurationSet.SendingOptionsProperty(sending_enabled=True),
            suppression_options=ses.CfnConfigurationSet.SuppressionOptionsProperty(
                suppressed_reasons=["BOUNCE", "COMPLAINT"]
            ),
        )
        by_set = ses.CfnConfigurationSetEventDestination.DimensionConfigurationProperty(
            dimension_name="ses:configuration-set",
            dimension_value_source="messageTag",
            default_dimension_value=configuration(stage),
        )
        counted = ses.CfnConfigurationSetEventDestination.CloudWatchDestinationProperty(
            dimension_configurations=[by_set]
        )
        ses.CfnConfigurationSetEventDestination(
            self,
            "Counted",
            configuration_set_name=made.ref,
            event_destination=ses.CfnConfigurationSetEventDestination.EventDestinationProperty(
                name="counted",
                enabled=True,
                matching_event_types=EVENTS,
                cloud_watch_destination=counted,
            ),
        )
        return made

    def _tell(self, name: str, record: str) -> None:
        CfnOutput(self, name, value=record, description="A DNS record that the domain needs")
