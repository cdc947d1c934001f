"""The dashboards are what the code writes, what Grafana can read, and ask nothing that is not there."""

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


def test_the_files_are_what_the_code_writes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.dashboards", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_no_two_dashboards_share_an_address_or_a_title() -> None:
    assert len(boards()) == 5
    for field in ("uid", "title"):
        assert max(Counter(board[field] for board in boards().values()).values()) == 1
    assert all(len(board["uid"]) <= 40 for board in boards().values())


@pytest.mark.parametrize("name", boards())
def test_grafanas_own_model_reads_a_dashboard_and_loses_nothing(name: str) -> None:
    board = boards()[name]
    # Infinity is a plugin that the model does not know: what it is asked is tested against our endpoints.
    for panel in panels(board):
        panel["targets"] = [target for target in panel["targets"] if "url" not in target]
    read = JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board))
    assert read == JSONEncoder(sort_keys=True).encode(board)


@pytest.mark.parametrize("name", boards())
def test_every_panel_has_a_title_a_meaning_a_source_and_a_question(name: str) -> None:
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
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
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


def test_the_dashboards_ask_only_for_series_that_rules_record() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {name for each in panel_expressions() for name in series_named(each.expr) if name.startswith("rps:")}
    assert asked
    assert asked <= recorded


def test_each_opponent_has_its_three_panels() -> None:
    asked = [each.expr for each in panel_expressions() if each.where.startswith("models.json")]
    for opponent in OPPONENTS.values():
        of_family = [expr for expr in asked if f'model="{opponent.family}"' in expr]
        assert any("rps:alias_accuracy:12h" in expr for expr in of_family)
        assert any("rps:alias_win_rate:12h" in expr for expr in of_family)
        assert any("rps:holdout_accuracy:max" in expr for expr in of_family)


def test_the_ledger_is_asked_by_path_alone_and_its_source_is_provisioned() -> None:
    sources = _provisioned("datasources/rps.yaml")["datasources"]
    found = list(ledger_targets())
    assert len(found) == 3
    assert all(target["url"].startswith("/internal/") for _, target in found)
    (ledger,) = [source for source in sources if source["uid"] == "rps-promotion-ledger"]
    assert {target["datasource"]["type"] for _, target in found} == {ledger["type"]}


def test_provisioning_holds_no_secret() -> None:
    for source in _provisioned("datasources/rps.yaml")["datasources"]:
        assert source["url"].startswith("$")
        assert all(value.startswith("$") for value in source.get("secureJsonData", {}).values())
    (provider,) = _provisioned("dashboards/rps.yaml")["providers"]
    assert Path(provider["options"]["path"]).is_absolute()


def _provisioned(name: str) -> Any:
    return yaml.safe_load((PROVISIONING / name).read_text())
