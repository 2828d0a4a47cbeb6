"""The dashboards as CloudWatch reads them.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from typing import Any

from infra.dashboards.panels import Dashboard, Panel, Section, Unit, placed
from infra.dashboards.queries import Query

LABELS: dict[Unit, str] = {
    "reqps": "requests a second",
    "ops": "a second",
    "s": "seconds",
    "short": "",
    "percentunit": "share",
}


def body(dashboard: Dashboard, region: str) -> dict[str, Any]:
    """The dashboard's body."""
    return {
        "start": "-PT3H",
        "periodOverride": "inherit",
        "widgets": [
            {
                "type": "text" if isinstance(place.shows, Section) else "metric",
                "x": place.x,
                "y": place.y,
                "width": place.width,
                "height": place.height,
                "properties": _heading(place.shows)
                if isinstance(place.shows, Section)
                else _metric(place.shows, region),
            }
            for place in placed(dashboard)
        ],
    }


def _heading(section: Section) -> dict[str, Any]:
    return {"markdown": f"## {section.title}", "background": "transparent"}


def _metric(panel: Panel, region: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "title": panel.title,
        "region": region,
        "period": 60,
        "stat": "Sum",
        "view": "singleValue" if panel.kind == "number" else "timeSeries",
        "metrics": [
            [{"expression": query.cloudwatch(), "label": _label(query), "id": f"e{number}"}]
            for number, query in enumerate(panel.queries, start=1)
        ],
    }
    if panel.kind == "number":
        return properties | {"sparkline": True}
    properties["yAxis"] = {"left": {"min": 0, "label": LABELS[panel.unit], "showUnits": False}}
    marks = ((panel.amber, "#ff9900", "amber"), (panel.red, "#d62728", "red"))
    lines = [{"value": v, "color": color, "label": name} for v, color, name in marks if v is not None]
    if lines:
        properties["annotations"] = {"horizontal": lines}
    return properties


def _label(query: Query) -> str:
    """Names of found series are made of their dimensions; CloudWatch fills these in."""
    legend = query.legend
    for label in (*query.metric.labels, "service"):
        legend = legend.replace(f"{{{{{label}}}}}", f"${{PROP('Dim.{label}')}}")
    return legend
