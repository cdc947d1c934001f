"""A whole installation in a folder: store with simulated games, MLflow registry, cache, and an API that serves it."""

import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import msgspec
from dagster._core.definitions.sensor_definition import SensorExecutionData
from sqlalchemy import Engine, insert

from rps_assets.assets.partitions import ALL_ALIASES_TAGS
from rps_assets.definitions import build_defs
from rps_assets.resources.build import build_resources, dataset_folder
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.cache import ModelCache
from rps_core.game.families import SLOTS, Alias, Family, ModelIdentity
from rps_core.game.players import PlayerKind
from rps_core.game.scoring import play_round
from rps_core.settings import Settings, load_settings
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS
from rps_core.store import open_engine, upgrade_store
from rps_core.store.game_rows import event_values, game_values
from rps_core.store.games import NewRound, StoredGame
from rps_core.store.lineage import ModelLineage
from rps_core.store.schema import events, games, predictions
from tests.builders.bundles import manifest
from tests.builders.games import START, new_game
from tests.builders.simulation import simulate_game


def fill_store(
    engine: Engine,
    n_games: int,
    *,
    kind: PlayerKind = "scripted",
    prefix: str = "game",
    start: datetime = START,
    model: ModelIdentity | None = None,
    players: Sequence[str] = SCRIPTED_PLAYERS,
    **changes: Any,
) -> list[str]:
    """Store simulated, finished games one minute apart, players in rotation; return their ids."""
    random, ids = Random(f"{prefix}-{kind}"), []
    with engine.begin() as connection:
        for number in range(n_games):
            player = players[number % len(players)]
            game = new_game(
                f"{prefix}-{number:04d}",
                player_name=player,
                player_kind=kind,
                created_at=start + timedelta(minutes=number),
                model=model,
                **changes,
            )
            rounds = _rounds(game, random)
            finished = {"finished_ts": game.created_at, "winner": rounds[-1].outcome.winner}
            connection.execute(insert(games).values(game_values(game) | finished))
            connection.execute(insert(events), [event_values(game.id, new) for new in rounds])
            ids.append(game.id)
    return ids


def record_results(
    engine: Engine,
    family: Family,
    model: ModelIdentity,
    *,
    wins: int,
    losses: int,
    kind: PlayerKind = "human",
    alias: Alias = "Production",
) -> None:
    """Store games of one version that finish now, without their rounds, as evidence for a promotion."""
    winners = ["bot"] * wins + ["user"] * losses
    with engine.begin() as connection:
        for number, winner in enumerate(winners):
            game = new_game(
                f"result-{family}-{alias}-{model.version}-{kind}-{number:03d}",
                family=family,
                model=model,
                alias=alias,
                player_kind=kind,
                created_at=datetime.now(UTC),
            )
            values = game_values(game) | {"finished_ts": game.created_at, "winner": winner}
            connection.execute(insert(games).values(values))


def record_predictions(engine: Engine, family: Family, model: ModelIdentity, *, correct: int, of: int) -> None:
    """Store predictions that one version made in a game it did not play."""
    game = new_game(f"watched-{family}-{model.version}", family=family, model=None)
    rows = [
        {
            "game_id": game.id,
            "step_no": 4 + number,
            "alias": "shadow1",
            "model_type": family,
            "model_version": model.version,
            "run_id": model.run_id,
            **dict.fromkeys(("p_rock", "p_paper", "p_scissors"), 1 / 3),
            "correct": int(number < correct),
        }
        for number in range(of)
    ]
    with engine.begin() as connection:
        connection.execute(insert(games).values(game_values(game)))
        connection.execute(insert(predictions), rows)


def _rounds(game: StoredGame, random: Random) -> list[NewRound]:
    rounds, user, bot = list[NewRound](), 0.0, 0.0
    for played in simulate_game(game.id, game.player_name, random):
        outcome = play_round(user, bot, played.user_move, played.bot_move, played.points)
        user, bot = outcome.user_score, outcome.bot_score
        moment = game.created_at + timedelta(seconds=played.round_no)
        rounds.append(
            NewRound(played.round_no, played.user_move, played.bot_move, played.points, outcome, "uniform", (), moment)
        )
    return rounds


class ServingApi:
    """A small HTTP server that serves the models of the cache index, like the real API; it can lag or fail."""

    def __init__(self, cache: ModelCache) -> None:
        self.cache = cache
        self.served: dict[str, dict[str, Any]] = {}
        self.reloads = 0
        self.deaf = False
        self.token: str | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, outer.described() if self.path == "/models" else {"status": "ok"})

            def do_POST(self) -> None:
                if outer.token is not None and self.headers.get("Authorization") != f"Bearer {outer.token}":
                    self._answer(401, {"detail": "a bearer token is needed"})
                    return
                if self.path == "/models/reload":
                    outer.reload()
                self._answer(200, {"success": True})

            def _answer(self, status: int, payload: Any) -> None:
                body = json.dumps(payload).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def reload(self) -> None:
        self.reloads += 1
        if self.deaf:
            return
        index = self.cache.read_index()
        self.served = {
            str(e.slot): {"version": e.version, "run_id": e.run_id} for e in (index.entries if index else ())
        }

    def described(self) -> dict[str, Any]:
        models: dict[str, Any] = {}
        for slot in SLOTS:
            models.setdefault(slot.family, {"aliases": {}})["aliases"][slot.alias] = self.served.get(str(slot))
        return models

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class World:
    """One installation; `run` executes a job of the code location in process."""

    settings: Settings
    overrides: dict[str, Any]
    engine: Engine
    registry: ModelRegistry
    cache: ModelCache
    api: ServingApi
    resources: ExitStack

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """A Dagster instance in memory, opened when it is first asked for."""
        return self.resources.enter_context(dg.DagsterInstance.ephemeral())

    @cached_property
    def defs(self) -> dg.Definitions:
        return build_defs(settings=self.settings, resource_overrides={"model_registry": self.registry})

    @property
    def datasets(self) -> Any:
        return dataset_folder(self.settings.storage, self.settings.retention)

    def identity(self, family: Family, alias: Alias) -> ModelIdentity:
        """Return what fills a slot, as a game would store it; the store knows its manifest, as if the API served it."""
        held = self.registry.version(family, self.registry.aliases(family)[alias])
        model = ModelIdentity(held.version, held.run_id)
        described = manifest(
            family=family,
            run_id=held.run_id,
            configuration_id=held.tags["hyperparameter_config_id"],
            dataset=msgspec.structs.replace(manifest().dataset, fingerprint=held.tags["dataset_fingerprint"]),
        )
        ModelLineage(self.engine).remember(model, described, datetime.now(UTC))
        return model

    def record(self, family: Family, alias: Alias, *, wins: int, losses: int, kind: PlayerKind = "human") -> None:
        """Store finished games of the version in a slot."""
        record_results(
            self.engine, family, self.identity(family, alias), wins=wins, losses=losses, kind=kind, alias=alias
        )

    def configure(self, **changes: Any) -> None:
        """Change settings, by field name, for what runs from now on."""
        self.overrides |= changes
        self.settings = load_settings(**self.overrides)
        self.__dict__.pop("defs", None)

    def tick(self, sensor: str, cursor: str | None = None) -> SensorExecutionData:
        """Evaluate a sensor once, as the daemon does."""
        repository = self.defs.get_repository_def()
        definition = repository.get_sensor_def(sensor)
        resources = {**build_resources(self.settings), "model_registry": self.registry}
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            repository_def=repository,
            resources={name: resources[name] for name in definition.required_resource_keys},
        )
        with context:
            return definition.evaluate_tick(context)

    def run(
        self,
        job: str,
        *,
        tags: Mapping[str, str] = ALL_ALIASES_TAGS,
        only: Sequence[str] | None = None,
        config: Any = None,
    ) -> dg.ExecuteInProcessResult:
        """Execute a job, or part of it, and return its result, failed or not."""
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags=dict(tags),
            raise_on_error=False,
            asset_selection=[dg.AssetKey(key.split("/")) for key in only] if only else None,
            run_config=config,
        )


@contextmanager
def open_world(folder: Path, template: Path, **changes: Any) -> Iterator[World]:
    """Open an installation in `folder` that starts as a copy of `template`: mlflow.db and, if present, data/."""
    (folder / "mlflow.db").write_bytes((template / "mlflow.db").read_bytes())
    if (template / "data").exists():
        shutil.copytree(template / "data", folder / "data", dirs_exist_ok=True)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    cache = ModelCache.open(f"file://{folder}/data/model_cache")
    api = ServingApi(cache)
    overrides = {
        "data_path": folder / "data",
        "mlflow_tracking_uri_override": uri,
        "api_base_override": f"http://127.0.0.1:{api.port}",
        "sqlite_synchronous": "NORMAL",
        "training_scripted_game_stride": 1,
        # Enough for every path, and no longer fits.
        "training_simulated_games": 20,
        **changes,
    }
    settings = load_settings(**overrides)
    engine = open_engine(settings.storage.database_url, sqlite_synchronous="NORMAL")
    upgrade_store(engine)
    with ExitStack() as resources:
        resources.callback(api.stop)
        resources.callback(engine.dispose)
        yield World(
            settings=settings,
            overrides=overrides,
            engine=engine,
            registry=ModelRegistry(uri, artifact_location=f"file://{folder}/artifacts"),
            cache=cache,
            api=api,
            resources=resources,
        )


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """Return the messages of the failed steps of a run."""
    return "; ".join(
        str(
            event.step_failure_data.user_failure_data.description
            if event.step_failure_data.user_failure_data
            else event.step_failure_data.error
        )
        for event in result.all_events
        if event.is_step_failure
    )


def metadata_of(result: dg.ExecuteInProcessResult, key: dg.AssetKey, partition: str | None = None) -> dict[str, Any]:
    """Return the metadata of an asset's materialisation."""
    for event in result.get_asset_materialization_events():
        if event.asset_key == key and event.partition == partition:
            return {name: value.value for name, value in event.materialization.metadata.items()}
    raise AssertionError(f"{key} was not materialised")


class Killed(BaseException):
    """Like SIGKILL: no handler of the code under test catches it."""


def kill(*_: object, **__: object) -> None:
    """Replace the call at which the process is killed."""
    raise Killed
