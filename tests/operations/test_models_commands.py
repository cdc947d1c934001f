"""The commands that start runs: their requests, validated by the real definitions, and how they end."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest

from rps_cli.commands import promotions
from rps_core import dagster_runs
from rps_core.dagster_runs import DagsterRuns
from rps_core.game.families import ALIASES
from tests.operations.world import run

IGNORED = ("ignore::sqlalchemy.exc.SADeprecationWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
pytestmark = [pytest.mark.filterwarnings(rule) for rule in IGNORED]


class Launched:
    """A Dagster that starts every run it is asked for, which then ends with `status`."""

    def __init__(self, status: str = "SUCCESS") -> None:
        self.asked: list[dict[str, Any]] = []
        self.status = status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if "params" in body["variables"]:
            self.asked.append(body["variables"]["params"])
            return httpx.Response(
                200, json={"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "abc"}}}}
            )
        run_now = {"__typename": "Run", "status": self.status}
        return httpx.Response(200, json={"data": {"runOrError": run_now, "logsForRun": {"cursor": "1", "events": []}}})


@pytest.fixture
def dagster(monkeypatch: pytest.MonkeyPatch) -> Launched:
    launched = Launched()
    monkeypatch.setattr(
        promotions, "DagsterRuns", lambda base_url: DagsterRuns(base_url, httpx.MockTransport(launched))
    )
    monkeypatch.setattr(dagster_runs, "POLL_SECONDS", 0.0)
    return launched


@pytest.fixture(scope="module")
def definitions() -> Any:
    from rps_assets.definitions import build_defs
    from rps_core.settings import load_settings

    return build_defs(settings=load_settings())


def require_accepted(asked: dict[str, Any], definitions: Any) -> None:
    """Make sure that Dagster accepts the selection and the configuration."""
    import dagster as dg

    keys = [dg.AssetKey(key["path"]) for key in asked["selector"]["assetSelection"]]
    job = definitions.resolve_implicit_global_asset_job_def() if asked["selector"]["jobName"] == "__ASSET_JOB" else None
    job = job or definitions.resolve_job_def(asked["selector"]["jobName"])
    subset = job.get_subset(asset_selection=set(keys))
    assert dg.validate_run_config(subset, asked["runConfigData"])
    assert subset.asset_layer.selected_asset_keys == set(keys)


def test_dagster_accepts_the_family_alias_and_force_of_a_training(dagster: Launched, definitions: Any) -> None:
    done = run({}, "train", "--family", "xgboost", "--alias", "B", "--force", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["run_id"] == "abc"
    tags = {tag["key"]: tag["value"] for tag in dagster.asked[0]["executionMetadata"]["tags"]}
    assert tags == {"dagster/asset_partition_range_start": "B", "dagster/asset_partition_range_end": "B"}
    assert dagster.asked[0]["runConfigData"] == {"ops": {"models__forrest": {"config": {"force": True}}}}
    require_accepted(dagster.asked[0], definitions)


def test_a_training_of_everything_covers_all_aliases(dagster: Launched, definitions: Any) -> None:
    assert run({}, "train").exit_code == 0
    tags = [tag["value"] for tag in dagster.asked[0]["executionMetadata"]["tags"]]
    assert tags == [ALIASES[0], ALIASES[-1]]
    selected = [asset["path"] for asset in dagster.asked[0]["selector"]["assetSelection"]]
    assert sorted(selected) == [
        ["models", "brian"],
        ["models", "forrest"],
        ["models", "logan"],
        ["training", "dataset"],
        ["training", "games"],
        ["training", "simulated_people"],
    ]
    require_accepted(dagster.asked[0], definitions)


def test_a_synchronisation_can_be_forced(dagster: Launched, definitions: Any) -> None:
    done = run({}, "sync", "--force", "--no-wait", "--json")
    assert done.exit_code == 0, done.output
    assert dagster.asked[0]["runConfigData"] == {"ops": {"serving__model_cache": {"config": {"force": True}}}}
    require_accepted(dagster.asked[0], definitions)


def test_a_synchronisation_that_leaves_slots_empty_fails_and_lists_them(dagster: Launched) -> None:
    done = run({}, "sync", "--clean")
    assert done.exit_code == 1
    assert Counter(line.split()[0] for line in done.stdout.splitlines())["failed"] == 12
    assert "run `rps train`, which fills all twelve" in done.stdout


@pytest.mark.parametrize("command", [["train"], ["sync"]])
def test_a_failed_run_gives_one_sentence_and_exit_code_one(dagster: Launched, command: list[str]) -> None:
    dagster.status = "FAILURE"
    done = run({}, *command)
    assert done.exit_code == 1
    assert "rps: run abc ended: failure" in done.stderr


@pytest.mark.parametrize("arguments", [["--family", "trees"], ["--alias", "C"]])
def test_an_unknown_slot_starts_no_run(dagster: Launched, arguments: list[str]) -> None:
    done = run({}, "train", *arguments)
    assert done.exit_code == 2
    assert dagster.asked == []


def test_without_dagster_the_commands_say_how_to_start_it() -> None:
    done = run({"RPS_DAGSTER_URL": "http://127.0.0.1:9"}, "train")
    assert done.exit_code == 1
    assert "start the product with `rps up`" in done.stderr
