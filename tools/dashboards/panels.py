"""Panels of the dashboards, built with Grafana's SDK."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${datasource}")
# The uid of the original system's data source, so that its links and panels work with ours.
LEDGER_TYPE, LEDGER_UID = "yesoreyeram-infinity-datasource", "rps-promotion-ledger"
LEDGER = DataSourceRef(type_val=LEDGER_TYPE, uid=LEDGER_UID)
TAG = "rps-quest"
GREEN, YELLOW, RED = "green", "yellow", "red"
Steps = Sequence[tuple[float | None, str]]


class Query(NamedTuple):
    """A PromQL expression and the legend of its series."""

    expr: str
    legend: str = "__auto"


class LedgerQuery(Dataquery):
    """Rows of one of our JSON endpoints, read through Grafana's Infinity data source.

    The address is a path; the data source has scheme and host.
    """

    def __init__(self, path: str, columns: Sequence[tuple[str, str, str]]) -> None:
        self._path = path
        self._columns = columns

    def to_json(self) -> dict[str, object]:
        """Return the JSON of the query for Infinity."""
        return {
            "refId": "A",
            "datasource": LEDGER,
            "type": "json",
            "source": "url",
            "format": "table",
            "parser": "backend",
            "url": self._path,
            "url_options": {"method": "GET", "data": ""},
            "root_selector": "",
            "columns": [{"selector": name, "text": title, "type": kind} for name, title, kind in self._columns],
            "filters": [],
        }


class _Built(Builder[Dataquery]):
    """Wraps a finished query for builders that expect a builder."""

    def __init__(self, query: Dataquery) -> None:
        self._query = query

    def build(self) -> Dataquery:
        return self._query


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    width: int = 8,
    bounds: tuple[float | None, float | None] = (0, None),
    limits: Steps = (),
) -> timeseries.Panel:
    """Return a line chart; `limits` are dashed lines, `bounds` those of the axis."""
    panel = _with_targets(timeseries.Panel(), title, description, queries, width, unit)
    panel.line_width(1).fill_opacity(8).show_points(looks.VisibilityMode.NEVER)
    panel.legend(common.VizLegendOptions().display_mode(looks.LegendDisplayMode.LIST).show_legend(True))
    panel.tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI))
    low, high = bounds
    if low is not None:
        panel.min(low)
    if high is not None:
        panel.max(high)
    if limits:
        panel.thresholds(_thresholds(limits))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(looks.GraphTresholdsStyleMode.DASHED))
    return panel


def stacked(title: str, description: str, *queries: Query, unit: str = "short", width: int = 8) -> timeseries.Panel:
    """Return a chart of stacked areas."""
    panel = lines(title, description, *queries, unit=unit, width=width)
    return panel.fill_opacity(40).stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))


def number(
    title: str, description: str, query: Query, *, unit: str = "short", width: int = 4, steps: Steps = ((None, GREEN),)
) -> stat.Panel:
    """Return a number for each series, coloured by `steps`."""
    panel = _with_targets(stat.Panel(), title, description, [query], width, unit, height=4)
    panel.color_mode(looks.BigValueColorMode.VALUE).graph_mode(looks.BigValueGraphMode.AREA)
    return panel.thresholds(_thresholds(steps)).no_value("no data")


def bars(
    title: str, description: str, query: Query, *, unit: str = "short", width: int = 8, steps: Steps = ((None, GREEN),)
) -> bargauge.Panel:
    """Return a bar for each series, coloured by `steps`."""
    panel = _with_targets(bargauge.Panel(), title, description, [query], width, unit)
    panel.display_mode(looks.BarGaugeDisplayMode.BASIC).orientation(looks.VizOrientation.HORIZONTAL)
    return panel.thresholds(_thresholds(steps))


def states(
    title: str, description: str, query: Query, *, width: int = 12, steps: Steps = ((None, GREEN),)
) -> statetimeline.Panel:
    """Return a timeline with the values of each series, coloured by `steps`."""
    panel = _with_targets(statetimeline.Panel(), title, description, [query], width, "short")
    panel.line_width(0).fill_opacity(70).merge_values(True).show_value(looks.VisibilityMode.AUTO)
    return panel.thresholds(_thresholds(steps))


def rows(title: str, description: str, query: Query, *, unit: str = "short", width: int = 12) -> table.Panel:
    """Return a table of the current samples, with labels as columns."""
    target = prometheus.Dataquery().expr(query.expr).instant().format(PromQueryFormat.TABLE).ref_id("A")
    panel = _described(table.Panel(), title, description, width, 8).datasource(PROMETHEUS).unit(unit).show_header(True)
    return panel.with_target(target.datasource(PROMETHEUS)).override_by_name(
        "Time", [DynamicConfigValue(id_val="custom.hidden", value=True)]
    )


def ledger_rows(
    title: str,
    description: str,
    path: str,
    columns: Sequence[tuple[str, str, str]],
    *,
    width: int = 24,
    bar_colours: dict[str, str] | None = None,
) -> Any:
    """Return rows of one of our JSON endpoints as a table, or as bars if there are colours.

    Args:
        title: title of the panel.
        description: description of the panel.
        path: path of the endpoint.
        columns: name, title and kind (string, number, timestamp) of each column.
        width: width of the panel out of 24.
        bar_colours: colour of each bar by column title; None for a table.
    """
    panel: Any = _described(
        bargauge.Panel() if bar_colours else table.Panel().show_header(True), title, description, width, 9
    )
    panel.datasource(LEDGER).with_target(_Built(LedgerQuery(path, columns)))
    if bar_colours:
        # One bar for each row and column, instead of one for all rows.
        panel.reduce_options(common.ReduceDataOptions().values(True))
        panel.orientation(looks.VizOrientation.HORIZONTAL)
    for column, colour in (bar_colours or {}).items():
        panel.override_by_name(
            column, [DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})]
        )
    return panel


def board(uid: str, title: str, description: str, *, since: str = "now-24h") -> dashboard.Dashboard:
    """Return an empty dashboard with a choice of Prometheus and links to the other dashboards."""
    built = dashboard.Dashboard(title).uid(uid).description(description).tags([TAG]).timezone("browser")
    built.refresh("30s").time(since, "now").tooltip(DashboardCursorSync.CROSSHAIR).editable()
    built.with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    others = dashboard.DashboardLink("RPS Quest").tags([TAG]).as_dropdown(True).keep_time(True)
    return built.link(others)


def row(title: str) -> dashboard.Row:
    """Return a heading for the panels after it."""
    return dashboard.Row(title)


def _with_targets(
    panel: Any, title: str, description: str, queries: Sequence[Query], width: int, unit: str, height: int = 8
) -> Any:
    panel = _described(panel, title, description, width, height).datasource(PROMETHEUS).unit(unit)
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(letter).range()
        panel.with_target(target.datasource(PROMETHEUS))
    return panel


def _described(panel: Any, title: str, description: str, width: int, height: int) -> Any:
    return panel.title(title).description(description).span(width).height(height)


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    found = [Threshold(value=value, color=colour) for value, colour in steps]
    if found[0].value is not None:
        found.insert(0, Threshold(value=None, color="transparent"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)
