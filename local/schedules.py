"""Functions on a schedule, started at once after a deployment: the first minute should not be a wait."""

from local import aws

PREFIX = "groundwork-local-"


def start() -> int:
    """Invoke the functions of all enabled rules with a rate, not waiting for answers; how many they are.

    What runs on a schedule may be started twice (EventBridge delivers at least once), so this is safe.
    """
    events, functions = aws.client("events"), aws.client("lambda")
    started = 0
    for rule in events.list_rules(NamePrefix=PREFIX)["Rules"]:
        if rule.get("State") != "ENABLED" or not rule.get("ScheduleExpression", "").startswith("rate("):
            continue
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            functions.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=b"{}")
            started += 1
    return started
