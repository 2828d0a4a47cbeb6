"""Alarms: somebody is told, knows what to do, and finds what the log line says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common import logs, metrics
from common.dead_letters import OWNERS
from common.logs import Line
from infra.cdk.stages import stage
from infra.dashboards import prometheus
from infra.dashboards.alarms import Alarm, alarms

ALL = alarms(stage("local"))
RUNBOOK = (Path(__file__).resolve().parents[3] / "docs" / "observability.md").read_text()
LINES = [line for line in vars(logs).values() if isinstance(line, Line)]


def test_every_alarm_has_a_name_of_its_own() -> None:
    names = [alarm.name for alarm in ALL]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("alarm", ALL, ids=lambda a: a.name)
class TestEveryAlarm:
    def test_is_watched_for_and_says_what_to_do(self, alarm: Alarm) -> None:
        assert alarm.watch or alarm.rule
        assert alarm.remedy.endswith(".")
        assert not alarm.summary.endswith(".")

    def test_is_in_the_runbook(self, alarm: Alarm) -> None:
        general = re.sub(
            rf"^({'|'.join(OWNERS)})-(?=failures|latency|down|dead-letters)", "<service>-", alarm.name
        )
        general = re.sub(r"^.*-lag$", "<consumer>-lag", general) if alarm.name != "relay-lag" else general
        assert f"`{general}`" in RUNBOOK

    def test_watches_a_metric_that_somebody_writes(self, alarm: Alarm) -> None:
        if alarm.watch is None or alarm.watch.namespace != "Groundwork":
            return
        declared = {m.name for owner in OWNERS for m in metrics.of_service(owner)}
        assert alarm.watch.metric in declared


@pytest.mark.parametrize("owner", OWNERS)
def test_every_services_dead_letters_are_watched(owner: str) -> None:
    (alarm,) = (a for a in ALL if a.name == f"{owner}-dead-letters")
    assert alarm.watch is not None
    assert alarm.watch.dimensions == {"QueueName": f"groundwork-local-{owner}-dead-letters"}


def test_the_rules_name_every_alarm_that_prometheus_can_see() -> None:
    text = prometheus.rules(ALL)
    assert re.findall(r"- alert: (\S+)", text) == [alarm.name for alarm in ALL if alarm.rule]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.code)
def test_every_log_line_is_in_the_runbook(line: Line) -> None:
    assert f"`{line.code}`" in RUNBOOK


def test_a_code_means_one_line() -> None:
    codes = [line.code for line in LINES]
    assert len(set(codes)) == len(codes)
