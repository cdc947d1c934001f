"""Simulates an hour of play in a few seconds, with promotion cycles, model cache and store.

Everything except the clock is the real product.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Engine

from rps_api.app import create_app
from rps_core.bundle import MANIFEST_FILE, BundleManifest
from rps_core.game.families import ALIASES, FAMILIES, Alias, Family, Slot
from rps_core.game.moves import MOVES, Move
from rps_core.game.opponents import POLICIES
from rps_core.game.scoring import MAX_ROUNDS
from rps_core.promotion.policy import plan_promotion
from rps_core.promotion.rules import rules_of
from rps_core.promotion.standing import SlotContent
from rps_core.promotion.tickers import ledger_entry, next_cycle
from rps_core.settings import load_settings
from rps_core.store import PromotionLedger, open_engine, upgrade_store
from rps_core.store.promotion_standing import read_standing
from tests.browser.models import RegisteredModel, greedy_graph, synchronise

PEOPLE = ("Mira", "Kofi", "Ada", "Jun", "Noor", "Zoë")
# Weights of each person for the price of a move and for repeating their last move.
HABITS = ((2.6, 0.2), (0.4, 1.1), (1.5, 0.0), (3.2, 0.6), (0.9, -0.8), (2.0, 0.4))
# Weights of each version for prices and habits. Forrest's B predicts people much better than its Production.
_READERS: dict[Family, tuple[tuple[float, float], ...]] = {
    "xgboost": ((-1.5, 0.0), (2.4, 1.0), (0.8, 0.3), (0.2, 0.9)),
    "feedforward_nn": ((1.2, 0.8), (1.6, 1.0), (0.4, 0.4), (1.9, 0.2)),
    "multinomial_logistic": ((1.6, 1.0), (0.2, 0.3), (0.6, 0.6), (1.1, 0.1)),
}
_PREFIXES: dict[Family, str] = {"xgboost": "xgb", "feedforward_nn": "ffn", "multinomial_logistic": "mnl"}


class Scene:
    """A data folder with simulated games."""

    def __init__(self, data_path: Path, *, now: datetime | None = None, seed: int = 7) -> None:
        self.settings = load_settings(data_path=data_path, starts_per_minute=0, plays_per_minute=0)
        self.now = now or datetime.now(UTC)
        self._cache = data_path / "model_cache"
        self._random = Random(seed)
        data_path.mkdir(parents=True, exist_ok=True)
        self._models = self._first_models()
        self._sessions = {name: str(UUID(int=self._random.getrandbits(128), version=4)) for name in PEOPLE}

    def play(self, *, cycles: int = 4, games_a_cycle: int = 60, minutes: int = 58) -> "Scene":
        """Play `cycles` batches of games, with a promotion cycle after each batch except the last."""
        engine = open_engine(self.settings.storage.database_url, sqlite_synchronous="NORMAL")
        upgrade_store(engine)
        start = self.now - timedelta(minutes=minutes)
        length = timedelta(minutes=minutes) / cycles
        for cycle in range(cycles):
            begin = start + cycle * length
            synchronise(self._cache, self._in_slots(), begin)
            for clock, game in self._moments(begin, length, games_a_cycle, cycle):
                self._play_game(game, clock)
            if cycle < cycles - 1:
                self._promote(engine, begin + length)
        engine.dispose()
        return self

    def _first_models(self) -> dict[Family, dict[Alias, RegisteredModel]]:
        models: dict[Family, dict[Alias, RegisteredModel]] = {}
        numbers = iter(range(1, 100))
        for family in FAMILIES:
            models[family] = {
                alias: RegisteredModel.of(
                    family,
                    next(numbers),
                    greedy_graph(*reader),
                    self.now - timedelta(minutes=64 - 2 * place),
                    f"{_PREFIXES[family]}_c0{place + 1}",
                )
                for place, (alias, reader) in enumerate(zip(ALIASES, _READERS[family], strict=True))
            }
        return models

    def _in_slots(self) -> dict[Slot, RegisteredModel]:
        return {Slot(family, alias): model for family, held in self._models.items() for alias, model in held.items()}

    def _moments(
        self, begin: datetime, length: timedelta, games: int, cycle: int
    ) -> Iterator[tuple["_Clock", tuple[TestClient[Litestar], str, tuple[float, float], str]]]:
        clock = _Clock(begin)
        app = create_app(self.settings, clock=clock, random=self._random)
        with TestClient(app) as client:
            for number in range(games):
                clock.moment = begin + length * (number / games)
                person = self._random.randrange(len(PEOPLE))
                # Shift the opponents in each cycle, so that people meet different ones.
                policy = POLICIES[(number + cycle) % len(POLICIES)]
                yield clock, (client, PEOPLE[person], HABITS[person], policy)

    def _play_game(self, game: tuple[TestClient[Litestar], str, tuple[float, float], str], clock: "_Clock") -> None:
        client, name, (greed, inertia), policy = game
        order = {"player_name": name, "session_id": self._sessions[name], "policy": policy}
        started: dict[str, Any] = client.post("/start_game", json=order).raise_for_status().json()
        last: Move | None = None
        values = started["round_points"]
        for number in range(1, MAX_ROUNDS + 1):
            weights = [exp(greed * values[move] + inertia * (move == last)) for move in MOVES]
            last = self._random.choices(MOVES, weights)[0]
            clock.moment += timedelta(seconds=2)
            body = {"game_id": started["game_id"], "user_move": last, "round": number}
            reply = client.post("/play", json=body).raise_for_status().json()
            if reply["finished"]:
                return
            values = reply["next_round_points"]

    def _promote(self, engine: Engine, now: datetime) -> None:
        ledger, rules = PromotionLedger(engine), rules_of(self.settings.promotion)
        for family in FAMILIES:
            held = self._models[family]
            slots = {alias: _content(model) for alias, model in held.items()}
            by_version = {str(model.version): model for model in held.values()}
            newest = ledger.newest_decision(family)
            standing = read_standing(engine, family, slots, newest, rules, now)
            plan = plan_promotion(family, standing, rules, now)
            cycles, number = ledger.cycles_since_swap(family), next_cycle(newest)
            ledger.append(ledger_entry(plan, newest, cycles, number, now, "auto_promotion"))
            self._models[family] = held | {alias: by_version[version] for alias, version in plan.changes.items()}


def _content(model: RegisteredModel) -> SlotContent:
    described = msgspec.json.decode(model.files[MANIFEST_FILE], type=BundleManifest)
    return SlotContent(str(model.version), described.configuration_id, described.dataset.fingerprint)


class _Clock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment
