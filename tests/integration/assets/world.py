"""A whole installation in a folder: store with simulated games, MLflow registry, cache, and an API that serves it."""

import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
from sqlalchemy import Engine, insert

from rps_assets.definitions import build_defs
from rps_assets.partitions import ALL_ALIASES_TAGS
from rps_assets.resources.build import dataset_folder
from rps_assets.resources.model_registry import ModelRegistry
from rps_core.cache import ModelCache
from rps_core.families import SLOTS
from rps_core.players import PlayerKind
from rps_core.scripted_players import SCRIPTED_PLAYERS
from rps_core.settings import Settings
from rps_core.store import open_engine, upgrade_store
from rps_core.store.games import ModelIdentity, NewGame, StoredGame, _event_values, _game_values
from rps_core.store.schema import events, games
from tests.builders.games import START, new_game, next_round
from tests.builders.simulation import simulate_game


def fill_store(
    engine: Engine,
    n_games: int,
    *,
    kind: PlayerKind = "scripted",
    prefix: str = "game",
    start: datetime = START,
    model: ModelIdentity | None = None,
    **changes: Any,
) -> list[str]:
    """Store simulated, finished games one minute apart; return their ids."""
    random, ids = Random(f"{prefix}-{kind}"), []
    with engine.begin() as connection:
        for number in range(n_games):
            player = SCRIPTED_PLAYERS[number % len(SCRIPTED_PLAYERS)]
            game = new_game(
                f"{prefix}-{number:04d}",
                player_name=player,
                player_kind=kind,
                created_at=start + timedelta(minutes=number),
                model=model,
                **changes,
            )
            rounds = simulate_game(game.id, player, random)
            last = rounds[-1]
            winner = "bot" if last.bot_score > last.user_score else "user"
            finished = {"finished_ts": game.created_at, "winner": winner}
            connection.execute(insert(games).values(_game_values(game) | finished))
            stored = _running(game)
            for played in rounds:
                new = next_round(stored, played.user_move, played.bot_move)
                connection.execute(insert(events).values(_event_values(stored, new)))
                stored = stored._replace(
                    rounds=(*stored.rounds, played), user_score=played.user_score, bot_score=played.bot_score
                )
            ids.append(game.id)
    return ids


def _running(game: NewGame) -> StoredGame:
    shared = {name: getattr(game, name) for name in game._fields}
    return StoredGame(
        **shared,
        model_switched=False,
        user_score=0.0,
        bot_score=0.0,
        winner=None,
        easy_mode=False,
        finished_at=None,
        rounds=(),
    )


class ServingApi:
    """A small HTTP server that serves what the cache index says, like the real one; it can be told to lag or fail."""

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
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

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
    engine: Engine
    registry: ModelRegistry
    cache: ModelCache
    api: ServingApi
    instance: dg.DagsterInstance
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def defs(self) -> dg.Definitions:
        return build_defs(
            settings=self.settings, resource_overrides={"model_registry": self.registry, **self.overrides}
        )

    @property
    def datasets(self) -> Any:
        return dataset_folder(self.settings)

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
    settings = Settings(
        data_path=folder / "data",
        mlflow_tracking_uri_override=uri,
        api_base_override=f"http://127.0.0.1:{api.port}",
        sqlite_synchronous="NORMAL",
        **{"training_scripted_game_stride": 1, **changes},
    )
    engine = open_engine(settings.database_url, sqlite_synchronous="NORMAL")
    upgrade_store(engine)
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(
            settings=settings,
            engine=engine,
            registry=ModelRegistry(uri, artifact_location=f"file://{folder}/artifacts"),
            cache=cache,
            api=api,
            instance=instance,
        )
    engine.dispose()
    api.stop()
