"""The dashboards agree with their code, Grafana can read them, and their queries use existing series."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from rps_core.game.opponents import OPPONENTS
from tests.ops.promql import (
    GRAFANA,
    REPOSITORY,
    boards,
    ledger_targets,
    panel_expressions,
    panels,
    rules,
    series_named,
)

register_default_plugins()
PROVISIONING = GRAFANA / "provisioning"
KINDS = {"timeseries", "stat", "bargauge", "table", "state-timeline"}


def test_the_dashboard_files_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.dashboards", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_uids_and_titles_of_dashboards_are_unique() -> None:
    assert len(boards()) == 5
    for field in ("uid", "title"):
        assert max(Counter(board[field] for board in boards().values()).values()) == 1
    assert all(len(board["uid"]) <= 40 for board in boards().values())


@pytest.mark.parametrize("name", boards())
def test_the_model_of_grafana_reads_a_dashboard_without_loss(name: str) -> None:
    board = boards()[name]
    # The model does not know the Infinity plugin; another test checks its queries against our endpoints.
    for panel in panels(board):
        panel["targets"] = [target for target in panel["targets"] if "url" not in target]
    read = JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board))
    assert read == JSONEncoder(sort_keys=True).encode(board)


@pytest.mark.parametrize("name", boards())
def test_every_panel_has_a_title_a_description_a_source_and_a_query(name: str) -> None:
    found = panels(boards()[name])
    assert len(found) >= 6
    for panel in found:
        assert all((panel["title"], panel["description"])), panel["title"]
        assert panel["type"] in KINDS
        assert panel["datasource"]["uid"] in {"${datasource}", "rps-promotion-ledger"}
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0, panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]
            assert target.get("expr") or target.get("url"), panel["title"]


@pytest.mark.parametrize("name", boards())
def test_panels_have_unique_ids_and_do_not_overlap(name: str) -> None:
    everything = boards()[name]["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: Counter[tuple[int, int]] = Counter()
    for panel in everything:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken.update((x, y) for x in _reach(place, "x", "w") for y in _reach(place, "y", "h"))
    assert max(taken.values()) == 1


def _reach(place: dict[str, int], start: str, size: str) -> range:
    return range(place[start], place[start] + place[size])


def test_the_dashboards_use_only_series_that_rules_record() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for query in panel_expressions() for name in series_named(query.expr) if name.startswith("rps:")}
    assert used
    assert used <= recorded


def test_each_opponent_has_its_three_panels() -> None:
    expressions = [query.expr for query in panel_expressions() if query.where.startswith("models.json")]
    for opponent in OPPONENTS.values():
        of_family = [expr for expr in expressions if f'model="{opponent.family}"' in expr]
        assert any("rps:alias_accuracy:12h" in expr for expr in of_family)
        assert any("rps:alias_win_rate:12h" in expr for expr in of_family)
        assert any("rps:holdout_accuracy:max" in expr for expr in of_family)


def test_ledger_queries_have_only_a_path_and_a_provisioned_source() -> None:
    sources = _provisioned("datasources/rps.yaml")["datasources"]
    found = list(ledger_targets())
    assert len(found) == 3
    assert all(target["url"].startswith("/internal/") for _, target in found)
    (ledger,) = [source for source in sources if source["uid"] == "rps-promotion-ledger"]
    assert {target["datasource"]["type"] for _, target in found} == {ledger["type"]}


def test_provisioning_contains_no_secret() -> None:
    for source in _provisioned("datasources/rps.yaml")["datasources"]:
        assert source["url"].startswith("$")
        assert all(value.startswith("$") for value in source.get("secureJsonData", {}).values())
    (provider,) = _provisioned("dashboards/rps.yaml")["providers"]
    assert Path(provider["options"]["path"]).is_absolute()


def _provisioned(name: str) -> Any:
    return yaml.safe_load((PROVISIONING / name).read_text())
