"""Sensors and the schedule, tick after tick, on a real instance."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise, product
from threading import Thread
from typing import Any

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.definitions.backfill_policy import BackfillPolicyType
from dagster._core.events import DagsterEventType
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._utils.schedules import schedule_execution_time_iterator
from pydantic import SecretStr

from rps_assets.assets import keys
from rps_assets.assets.partitions import ALL_ALIASES_TAGS
from rps_assets.automation.alert_sensors import reports_sensor, run_failure_sensor
from rps_assets.automation.history import STALE_RUN_SECONDS, last_trained, loop_runs
from rps_assets.automation.schedules import scripted_games_schedule
from rps_assets.automation.sensors import REASON_TAG
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import ALIASES, FAMILIES
from tests.integration.assets.world import World, fill_store

TRAINING_TAGS = {keys.LOOP_TAG: keys.LOOP_TRAINING}
SERVING_TAGS = {keys.LOOP_TAG: keys.LOOP_SERVING}


@pytest.fixture
def looped(trained: World) -> World:
    """A trained installation whose Dagster instance knows the loop; it may train again at once."""
    trained.configure(training_interval_seconds=0)
    last_game_at = trained.datasets.latest().last_game_at
    for key, alias in product(keys.MODELS.values(), ALIASES):
        report_training(trained.instance, key, alias, last_game_at)
    trained.instance.report_runless_asset_event(dg.AssetMaterialization(keys.SERVED_MODELS))
    return trained


def report_training(instance: dg.DagsterInstance, key: dg.AssetKey, alias: str, last_game_at: datetime) -> None:
    shown: dict[str, Any] = {
        "dataset_last_game_at": dg.MetadataValue.timestamp(last_game_at),
        "contract_version": CURRENT_CONTRACT.version,
    }
    instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=alias, metadata=shown))


def requested(world: World, sensor: str) -> dg.RunRequest:
    requests = world.tick(sensor).run_requests or []
    assert len(requests) == 1, world.tick(sensor).skip_message
    return requests[0]


def skipped(world: World, sensor: str) -> str:
    data = world.tick(sensor)
    assert not data.run_requests
    assert data.skip_message is not None
    return data.skip_message


def put_run(world: World, tags: dict[str, str], status: dg.DagsterRunStatus, job: str = "train_models") -> str:
    """Put a run into the instance that no process executes."""
    location = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=9, location_name="rps")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
    run = world.instance.create_run_for_job(
        world.defs.resolve_job_def(job),
        tags=tags,
        status=status,
        remote_job_origin=origin,
        job_code_origin=JobPythonOrigin(job, RepositoryPythonOrigin("python", ModuleCodePointer("rps", "defs"))),
    )
    return run.run_id


# gameplay_sensor


def test_rounds_are_reported_once_and_again_when_there_are_new_ones(world: World) -> None:
    assert "no round was played yet" in str(world.tick("gameplay_sensor").skip_message)
    fill_store(world.engine, 4)
    first = world.tick("gameplay_sensor")
    assert [event.asset_key for event in first.asset_events] == [keys.ROUNDS]
    again = world.tick("gameplay_sensor", first.cursor)
    assert again.asset_events == []
    assert f"no new round since round {first.cursor}" in str(again.skip_message)
    fill_store(world.engine, 1, kind="human", prefix="later")
    second = world.tick("gameplay_sensor", first.cursor)
    shown = {name: value.value for name, value in second.asset_events[0].metadata.items()}
    assert (shown["games"], shown["human_games"], shown["scripted_games"]) == (5, 1, 4)
    assert shown["human_share_of_games"] == 0.2


def test_test_games_are_not_reported(world: World) -> None:
    fill_store(world.engine, 2, kind="test")
    assert world.tick("gameplay_sensor").asset_events == []


# training_sensor


def test_an_empty_store_trains_nothing(world: World) -> None:
    assert skipped(world, "training_sensor") == (
        "waiting for 300 more usable examples: 0 of 300 for the first training; about 34 games of people, or 34 "
        "scripted ones, make them"
    )


def test_enough_examples_request_one_run_over_all_four_aliases(world: World) -> None:
    fill_store(world.engine, 40)
    request = requested(world, "training_sensor")
    assert request.job_name == "whole_loop"
    assert ALL_ALIASES_TAGS.items() <= request.tags.items()
    assert request.partition_key is None
    assert "usable examples" in request.tags[REASON_TAG]
    assert requested(world, "training_sensor").run_key == request.run_key


def test_the_first_training_waits_while_games_are_coming_in(world: World) -> None:
    fill_store(world.engine, 40, start=datetime.now(UTC) - timedelta(minutes=8))
    assert "waiting for 560 more games, or for 30 s without a round, or for another" in skipped(
        world, "training_sensor"
    )
    world.configure(bootstrap_games=40)
    assert requested(world, "training_sensor").run_key == "training:first:0"


def test_examples_are_counted_after_the_selection(world: World) -> None:
    fill_store(world.engine, 40)
    world.configure(training_scripted_game_stride=40)
    assert "of 300 for the first training" in skipped(world, "training_sensor")


def test_after_a_training_only_new_examples_start_another_one(trained: World) -> None:
    trained.configure(training_interval_seconds=0)
    assert trained.run("train_models").success
    assert "waiting for 50 more usable examples: 0 of 50 came since the last training" in skipped(
        trained, "training_sensor"
    )
    # New examples come from games that are newer than the newest trained game.
    fill_store(trained.engine, 10, prefix="later", start=datetime(2026, 11, 2, tzinfo=UTC))
    request = requested(trained, "training_sensor")
    assert request.job_name == "train_models"
    assert request.tags[REASON_TAG].endswith("s ago")


def test_the_interval_holds_back_new_examples(looped: World) -> None:
    fill_store(looped.engine, 10, prefix="later", start=datetime(2026, 11, 2, tzinfo=UTC))
    looped.configure(training_interval_seconds=40 * 3600)
    sentence = (
        r"waiting until \d\d:\d\d UTC \(in 40\.0 h\): \d+ new usable examples, and the last training was \d+ s ago"
    )
    assert re.fullmatch(sentence, skipped(looped, "training_sensor"))


def test_a_comparison_holds_back_no_training_and_a_swap_that_is_reached_starts_at_once(looped: World) -> None:
    looped.record("xgboost", "B", wins=30, losses=10)
    looped.record("xgboost", "Production", wins=12, losses=28)
    fill_store(looped.engine, 10, prefix="later", start=datetime(2026, 11, 2, tzinfo=UTC))
    looped.configure(training_interval_seconds=1800)
    request = requested(looped, "serving_sensor")
    assert "xgboost: B has the evidence that it needs" in request.tags[REASON_TAG]
    assert [key.to_user_string() for key in request.asset_selection or ()] == [
        "promotion/performance",
        "promotion/forrest",
        "serving/model_cache",
        "serving/served_models",
    ]
    looped.configure(training_interval_seconds=0)
    # A decision that is due comes first; evidence that suffices survives the retraining.
    assert requested(looped, "training_sensor").asset_selection is None
    looped.record("feedforward_nn", "B", wins=1, losses=0)
    assert "the promotion decision about feedforward_nn is due since" in skipped(looped, "training_sensor")


def test_nothing_is_requested_while_a_run_is_in_progress(world: World) -> None:
    fill_store(world.engine, 40)
    run_id = put_run(world, TRAINING_TAGS, dg.DagsterRunStatus.STARTED)
    assert skipped(world, "training_sensor") == f"waiting for run {run_id[:8]}, which is queued or in progress"


def test_a_failed_run_is_followed_by_a_pause_and_another_key(world: World) -> None:
    assert not world.run("train_models").success
    fill_store(world.engine, 40)
    assert "the last 1 training runs did not succeed" in skipped(world, "training_sensor")
    later = datetime.now(UTC) + timedelta(minutes=2)
    runs = loop_runs(world.instance, ["training"], "training", None, later)
    assert (runs.failures, runs.in_progress) == (1, None)


def test_more_failures_than_are_read_still_change_the_key(world: World) -> None:
    for _ in range(23):
        put_run(world, TRAINING_TAGS, dg.DagsterRunStatus.FAILURE)
    assert loop_runs(world.instance, ["training"], "training", None, datetime.now(UTC)).failures == 23


def test_a_run_whose_process_is_lost_counts_as_failed_after_an_hour(world: World) -> None:
    put_run(world, TRAINING_TAGS, dg.DagsterRunStatus.STARTED)
    now = datetime.now(UTC)
    assert loop_runs(world.instance, ["training"], "training", None, now).in_progress is not None
    later = now + timedelta(seconds=STALE_RUN_SECONDS + 60)
    runs = loop_runs(world.instance, ["training"], "training", None, later)
    assert (runs.in_progress, runs.failures) == (None, 1)
    assert runs.last_failure_at is not None


def test_a_queued_run_is_waited_for_without_a_limit(world: World) -> None:
    run_id = put_run(world, TRAINING_TAGS, dg.DagsterRunStatus.QUEUED)
    later = datetime.now(UTC) + timedelta(days=1)
    runs = loop_runs(world.instance, ["training"], "training", None, later)
    assert (runs.in_progress, runs.failures) == (run_id, 0)


def test_the_loop_counts_as_trained_when_all_twelve_slots_were(world: World) -> None:
    slots = list(product(keys.MODELS.values(), ALIASES))
    for hour, (key, alias) in enumerate(slots[:-1]):
        report_training(world.instance, key, alias, datetime(2026, 11, 1, hour, tzinfo=UTC))
    assert last_trained(world.instance).families is None
    report_training(world.instance, *slots[-1], datetime(2026, 11, 2, tzinfo=UTC))
    trained = last_trained(world.instance).families
    assert trained is not None
    # The oldest slot represents its family.
    assert [trained[family].last_game_at.hour for family in FAMILIES] == [0, 4, 8]


# serving_sensor


def test_nothing_is_served_before_a_training(world: World) -> None:
    assert skipped(world, "serving_sensor") == "no model was trained yet; there is nothing to serve"


def test_nothing_starts_while_every_slot_is_served(looped: World) -> None:
    assert "all slots serve the registry's versions" in skipped(looped, "serving_sensor")


def test_an_alias_moved_by_hand_is_drift_and_is_published(looped: World) -> None:
    held = looped.registry.aliases("xgboost")
    looped.registry.move_aliases("xgboost", {"Production": held["B"], "B": held["Production"]})
    request = requested(looped, "serving_sensor")
    assert request.job_name == "promote_and_serve"
    assert (
        "cache xgboost@B; cache xgboost@Production; xgboost@Production: the registry has version"
        in request.tags[REASON_TAG]
    )
    assert looped.run("promote_and_serve", tags=request.tags).success
    assert "all slots serve the registry's versions" in skipped(looped, "serving_sensor")


def test_a_promotion_materialised_alone_is_published_by_the_run_of_the_next_tick(looped: World) -> None:
    looped.record("xgboost", "B", wins=30, losses=10)
    looped.record("xgboost", "Production", wins=12, losses=28)
    # Started in the UI: the run carries no tag of the loop.
    alone = looped.run("promote_and_serve", only=["promotion/performance", "promotion/forrest"], tags={})
    assert alone.success
    held = looped.registry.aliases("xgboost")
    assert looped.api.served["xgboost@Production"]["version"] == held["B"]
    request = requested(looped, "serving_sensor")
    assert request.tags[REASON_TAG].startswith("4 slots differ: cache xgboost@B")
    assert looped.run("promote_and_serve", tags=request.tags).success
    assert looped.registry.aliases("xgboost") == held
    assert looped.api.served["xgboost@Production"]["version"] == held["Production"]


def test_an_api_that_forgot_its_models_is_drift(looped: World) -> None:
    looped.api.served = {}
    assert (
        requested(looped, "serving_sensor")
        .tags[REASON_TAG]
        .startswith("12 slots differ: xgboost@Production: the registry has version")
    )


@pytest.mark.parametrize("sensor", ["gameplay_sensor", "training_sensor", "serving_sensor"])
def test_a_store_that_does_not_answer_yet_is_a_reason_to_wait(world: World, sensor: str) -> None:
    world.configure(database_url_override="postgresql+psycopg://rps:secret@127.0.0.1:9/rps")
    reason = skipped(world, sensor)
    assert reason.startswith("waiting for a dependency: the gameplay database postgresql")
    assert "secret" not in reason


def test_an_api_that_is_down_is_a_reason_to_wait(looped: World) -> None:
    looped.configure(api_base_override="http://127.0.0.1:9")
    assert "with the registry: GET http://127.0.0.1:9/models got no answer" in skipped(looped, "serving_sensor")


def test_a_damaged_index_is_drift(looped: World) -> None:
    (looped.settings.storage.data_path / "model_cache" / "index.json").write_text("{")
    assert "is not an index" in requested(looped, "serving_sensor").tags[REASON_TAG]


def test_a_training_that_is_newer_than_what_is_served_is_served(looped: World) -> None:
    report_training(looped.instance, keys.MODELS["xgboost"], "B", datetime(2026, 11, 2, tzinfo=UTC))
    assert requested(looped, "serving_sensor").tags[REASON_TAG] == "newly trained models are not served yet"


def test_serving_waits_for_a_training_in_progress(looped: World) -> None:
    run_id = put_run(looped, TRAINING_TAGS, dg.DagsterRunStatus.STARTED)
    looped.api.served = {}
    assert skipped(looped, "serving_sensor") == f"waiting for run {run_id[:8]}, which is queued or in progress"


def test_a_failed_serving_run_is_repeated_after_a_pause_without_its_promotions(
    looped: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looped.api.served = {}
    put_run(looped, SERVING_TAGS, dg.DagsterRunStatus.FAILURE, "promote_and_serve")
    assert "the last 1 serving runs did not succeed" in skipped(looped, "serving_sensor")
    monkeypatch.setattr("rps_assets.automation.decisions.RETRY_SECONDS", 0.0)
    request = requested(looped, "serving_sensor")
    assert request.asset_selection == [keys.MODEL_CACHE, keys.SERVED_MODELS]
    assert request.run_key is not None
    assert request.run_key.endswith(":1")


def test_a_promotion_cycle_comes_due_with_finished_games(looped: World) -> None:
    fill_store(looped.engine, 1, prefix="later", start=datetime.now(UTC) + timedelta(minutes=1))
    assert "1 games finished since the last promotion cycle" in requested(looped, "serving_sensor").tags[REASON_TAG]


# the schedule


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def test_scripted_games_are_played_ten_times_a_day_and_every_tick_plays(instance: dg.DagsterInstance) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    crons, zone = scripted_games_schedule.cron_schedule, scripted_games_schedule.execution_timezone
    ticks = list(islice(schedule_execution_time_iterator(start.timestamp(), crons, zone), 11))
    assert ticks[-1] - ticks[0] == timedelta(days=1)
    assert [later - earlier for earlier, later in pairwise(ticks)] == [timedelta(minutes=150)] * 9 + [
        timedelta(minutes=90)
    ]
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=ticks[0])
    assert [request.run_key for request in scripted_games_schedule.evaluate_tick(context).run_requests or []] == [
        "scripted-games:2026-11-01T00:00"
    ]


# what failed


@pytest.fixture
def alerts(world: World) -> Iterator[list[Any]]:
    """The alerts that a webhook receives."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        world.configure(alert_webhook_url=SecretStr(f"http://127.0.0.1:{server.server_address[1]}/"))
        yield received
        server.shutdown()


def test_a_failed_run_causes_an_alert_with_its_reason_and_address(world: World, alerts: list[Any]) -> None:
    result = world.run("train_models", only=["training/games", "training/dataset"])
    assert not result.success
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failure_sensor",
        dagster_instance=world.instance,
        dagster_run=result.dagster_run,
        dagster_event=next(event for event in result.all_events if event.is_run_failure),
    ).for_run_failure()
    run_failure_sensor(context, operations_settings=world.settings.operations, service_settings=world.settings.services)
    (alert,) = alerts
    assert alert["kind"] == "run_failure"
    assert alert["subject"] == "train_models"
    assert "training__dataset: 0 examples in 0 games; MIN_SUP_ROWS asks for 200" in alert["text"]
    assert alert["url"] == f"{world.settings.services.dagster_base_url}/runs/{result.run_id}"


def report_check(world: World, name: str, *, passed: bool) -> None:
    evaluation = dg.AssetCheckEvaluation(
        asset_key=keys.DATASET, check_name=name, passed=passed, metadata={"expected": 50, "found": 49}
    )
    world.instance.report_runless_asset_event(evaluation)


def test_a_check_causes_one_alert_when_it_begins_to_fail(world: World, alerts: list[Any]) -> None:
    name = "columns_equal_the_contract"
    report_check(world, "every_move_has_a_fair_share", passed=False)
    first = world.tick("check_failure_sensor")
    assert alerts == []
    report_check(world, name, passed=False)
    second = world.tick("check_failure_sensor", first.cursor)
    (alert,) = alerts
    assert (alert["kind"], alert["subject"]) == ("check_failure", name)
    assert "training/dataset" in alert["text"]
    assert "expected 50" in alert["text"]
    assert "found 49" in alert["text"]
    report_check(world, name, passed=False)
    third = world.tick("check_failure_sensor", second.cursor)
    assert len(alerts) == 1
    report_check(world, name, passed=True)
    fourth = world.tick("check_failure_sensor", third.cursor)
    assert "failing now: every_move_has_a_fair_share" in str(fourth.skip_message)
    report_check(world, name, passed=False)
    world.tick("check_failure_sensor", fourth.cursor)
    assert len(alerts) == 2


def test_a_check_that_is_still_running_causes_no_alert(world: World, alerts: list[Any]) -> None:
    first = world.tick("check_failure_sensor")
    planned = AssetCheckEvaluationPlanned(asset_key=keys.DATASET, check_name="columns_equal_the_contract")
    event = dg.DagsterEvent(
        event_type_value=DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
        job_name="train_models",
        event_specific_data=planned,
    )
    world.instance.report_dagster_event(event, run_id="a" * 32)
    assert "0 checks began to fail" in str(world.tick("check_failure_sensor", first.cursor).skip_message)
    assert alerts == []


def test_one_run_of_reports_follows_a_serving_run(world: World) -> None:
    result = world.run("promote_and_serve", only=["promotion/performance"])
    context = dg.build_run_status_sensor_context(
        sensor_name="reports_sensor",
        dagster_instance=world.instance,
        dagster_run=result.dagster_run,
        dagster_event=next(event for event in result.all_events if event.event_type_value == "PIPELINE_SUCCESS"),
    )
    requests = [reports_sensor(context), reports_sensor(context)]
    assert {request.run_key for request in requests} == {f"reports:{result.run_id}"}
    sensor = world.defs.get_repository_def().get_sensor_def("reports_sensor")
    assert [job.name for job in sensor.jobs] == ["write_reports"]


# backfills


def test_a_backfill_of_everything_is_one_run_for_each_partitioned_asset_in_one_pool(world: World) -> None:
    graph = world.defs.resolve_asset_graph()
    partitioned = [graph.get(key) for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned]
    fits = {*keys.MODELS.values(), *keys.EXPERIMENTS.values()}
    assert {node.key for node in partitioned} == {keys.FEATURES, *fits}
    for node in partitioned:
        assert node.backfill_policy is not None
        assert node.backfill_policy.policy_type == BackfillPolicyType.SINGLE_RUN
        # The pool is for model fits; days of features may be computed again meanwhile.
        assert node.pools == ({keys.TRAINING_POOL} if node.key in fits else set())
