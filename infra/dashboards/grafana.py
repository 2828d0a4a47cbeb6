"""The dashboards as Grafana reads them, built with Grafana's own models."""

from __future__ import annotations

import json

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    GridPos,
    Threshold,
    ThresholdsMode,
)

from infra.dashboards.panels import Dashboard, Panel, Section, placed

SOURCE = DataSourceRef("prometheus", "${datasource}")
GREEN, AMBER, RED = "green", "#EAB839", "red"


def document(declared: Dashboard) -> str:
    """The dashboard's JSON, ready to be imported or provisioned."""
    built = (
        dashboard.Dashboard(declared.title)
        .uid(f"groundwork-{declared.name}")
        .description(declared.description)
        .tags(["groundwork"])
        .editable()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for number, place in enumerate(placed(declared), start=1):
        grid = GridPos(h=place.height, w=place.width, x=place.x, y=place.y)
        match place.shows:
            case Section(title=title):
                built = built.with_row(dashboard.Row(title).id(number).grid_pos(grid))
            case Panel():
                built = built.with_panel(_panel(place.shows).id(number).grid_pos(grid))
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel = _number() if panel.kind == "number" else _lines(panel)
    made = (
        made.title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .min(0)
        .datasource(SOURCE)
        .thresholds(_thresholds(panel))
    )
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        made = made.with_target(
            prometheus.Dataquery()
            .ref_id(letter)
            .expr(query.promql())
            .legend_format(query.legend)
            .datasource(SOURCE)
            .range()
            .exemplar(panel.unit == "s")
        )
    return made


def _number() -> stat.Panel:
    return stat.Panel().color_mode(BigValueColorMode.VALUE).graph_mode(BigValueGraphMode.AREA)


def _lines(panel: Panel) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["mean", "max"])
    )
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    lines = timeseries.Panel().legend(legend).tooltip(tooltip).fill_opacity(10).span_nulls(False)
    if panel.red is not None:
        style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        lines = lines.thresholds_style(style)
    return lines


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color=GREEN)]
    steps += [Threshold(v, c) for v, c in ((panel.amber, AMBER), (panel.red, RED)) if v is not None]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
