"""Dashboards: every metric is shown, in both worlds, within their rules."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

from common import metrics
from common.operation import PLATFORM, SERVICES
from infra.dashboards import cloudwatch, grafana
from infra.dashboards.panels import COLUMNS, Dashboard, Panel, dashboards, placed

ALL = dashboards()
OWNERS = (*SERVICES, PLATFORM)


def panels(dashboard: Dashboard) -> list[Panel]:
    return [place.shows for place in placed(dashboard) if isinstance(place.shows, Panel)]


def test_there_is_an_overview_and_one_for_each_service() -> None:
    assert [dashboard.name for dashboard in ALL] == ["overview", *SERVICES]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_shows_every_metric_it_has(service: str) -> None:
    (dashboard,) = (d for d in ALL if d.name == service)
    shown = {query.metric.name for panel in panels(dashboard) for query in panel.queries}
    assert {metric.name for metric in metrics.of_service(service)} <= shown


def test_the_overview_shows_what_the_platform_counts_of_itself() -> None:
    shown = {query.metric.name for panel in panels(ALL[0]) for query in panel.queries}
    assert {metric.name for metric in metrics.of_service(PLATFORM)} <= shown


@pytest.mark.parametrize("dashboard", ALL, ids=lambda d: d.name)
class TestEveryDashboard:
    def test_no_two_panels_lie_on_each_other(self, dashboard: Dashboard) -> None:
        taken: set[tuple[int, int]] = set()
        for place in placed(dashboard):
            assert place.x + place.width <= COLUMNS
            cells = {(x, y) for x in range(place.x, place.x + place.width)
                     for y in range(place.y, place.y + place.height)}  # fmt: skip
            assert not cells & taken
            taken |= cells

    def test_every_panel_says_what_it_is(self, dashboard: Dashboard) -> None:
        for panel in panels(dashboard):
            assert panel.title
            assert panel.description
            assert panel.unit
            legends = [query.legend for query in panel.queries]
            assert len(set(legends)) == len(legends), panel.title

    def test_queries_ask_for_labels_that_the_metric_has(self, dashboard: Dashboard) -> None:
        for panel in panels(dashboard):
            for query in panel.queries:
                known = {*query.metric.labels, "service", "le", "topic", "queue"}
                assert set(query.by) <= known
                assert set(re.findall(r"{{(\w+)}}", query.legend)) <= known

    def test_grafanas_models_read_what_is_written(self, dashboard: Dashboard) -> None:
        document = json.loads(grafana.document(dashboard))
        again = json.loads(json.dumps(GrafanaDashboard.from_json(document), cls=JSONEncoder))
        assert again == document
        assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
        for panel in document["panels"]:
            if panel["type"] != "row":
                assert panel["fieldConfig"]["defaults"]["unit"]
                assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0] == {
                    "color": "green",
                    "value": None,
                }
                assert all(target["legendFormat"] for target in panel["targets"])

    def test_cloudwatch_gets_widgets_within_its_limits(self, dashboard: Dashboard) -> None:
        body = cloudwatch.body(dashboard, "eu-central-1")
        assert len(body["widgets"]) <= 500
        for widget in body["widgets"]:
            assert widget["x"] + widget["width"] <= COLUMNS
            if widget["type"] == "metric":
                _check(widget["properties"])


def _check(properties: dict[str, Any]) -> None:
    """Each widget asks by expression; a search is at most 1024 characters, names declared metrics only."""
    declared = {metric.name for service in OWNERS for metric in metrics.of_service(service)}
    identifiers = [entry["id"] for (entry,) in properties["metrics"]]
    assert len(set(identifiers)) == len(identifiers)
    for (entry,) in properties["metrics"]:
        searches = re.findall(r"SEARCH\('(.*?)', '(\w+\.?\d*)', (\d+)\)", entry["expression"])
        assert searches
        for expression, statistic, period in searches:
            assert len(expression) <= 1024
            assert re.fullmatch(r"Sum|Maximum|p\d+(\.\d+)?", statistic)
            assert period == "60"
            (name,) = re.findall(r'MetricName="(\w+)"', expression)
            assert name in declared
