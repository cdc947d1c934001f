"""Invariants that must hold after every fault."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, select

from rps_core.cache import CacheEntry, ModelCache
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.scoring import play_round, winner_of
from rps_core.store.schema import events, games, predictions
from tests.faults.clients import Acknowledged
from tests.integration.conftest import wait_until

Rounds: TypeAlias = dict[str, list[Any]]
# Metrics are cached for some seconds, so they may lag behind the store.
SETTLE_SECONDS = 60.0
_POINTS = ("round_rock_pts", "round_paper_pts", "round_scissors_pts")


def check_store(engine: Engine, acknowledged: Iterable[Acknowledged], *, api_url: str | None = None) -> Rounds:
    """Check that all acknowledged rounds are stored, that games follow the rules, and that counters equal the store.

    Args:
        engine: an engine on the store, separate from the API's.
        acknowledged: every round that a client got an answer for.
        api_url: the API whose /metrics are compared with the store, if any.

    Returns:
        The rounds of each game, in order.
    """
    rounds = stored_rounds(engine)
    for game in stored_games(engine):
        check_game(game, rounds[game.id])
    stored = {
        (row.game_id, row.step_no, row.user_move, row.bot_move, row.user_score, row.bot_score)
        for played in rounds.values()
        for row in played
    }
    lost = {tuple(played) for played in acknowledged} - stored
    assert not lost, f"{len(lost)} acknowledged rounds are lost, like {min(lost)}"
    if api_url is not None:
        check_counters(engine, lambda: httpx.get(f"{api_url}/metrics", timeout=30).text)
    return rounds


def check_game(game: Any, played: list[Any]) -> None:
    """Check that steps have no gaps or repetitions, and that scores and winner follow from the rules."""
    assert [row.step_no for row in played] == list(range(1, len(played) + 1)), game.id
    user = bot = 0.0
    for row in played:
        outcome = play_round(user, bot, row.user_move, row.bot_move, tuple(getattr(row, name) for name in _POINTS))
        user, bot = outcome.user_score, outcome.bot_score
        assert (row.user_score, row.bot_score) == (user, bot), f"round {row.step_no} of {game.id}"
        assert outcome.finished == (row is played[-1] and game.winner is not None), game.id
    for side in ("user", "bot"):
        assert getattr(game, f"{side}_score") == pytest.approx(
            sum(getattr(row, f"{side}_delta") for row in played), abs=1e-5
        )
    assert (game.user_score, game.bot_score, game.winner) == (user, bot, winner_of(user, bot)), game.id
    assert (game.finished_ts is not None) == (game.winner is not None), game.id


def check_predictions(engine: Engine, rounds: Rounds) -> int:
    """Check that exactly the rounds after the opening have four predictions each, and return their number."""
    with engine.connect() as connection:
        stored = Counter(
            (row.game_id, row.step_no)
            for row in connection.execute(select(predictions.c.game_id, predictions.c.step_no))
        )
    expected = {
        (game, row.step_no): 4 for game, played in rounds.items() for row in played if row.step_no >= FIRST_POLICY_ROUND
    }
    assert stored == expected
    return stored.total()


def check_counters(engine: Engine, scrape: Callable[[], str]) -> None:
    """Wait until the counters in /metrics equal the store, while nobody plays."""
    finished = [game for game in stored_games(engine) if game.winner is not None]
    winners = Counter(game.winner for game in finished)
    results = Counter(row.result for played in stored_rounds(engine).values() for row in played)
    expected = {
        "rps_games_total": len(finished),
        "rps_game_wins_total": winners["bot"],
        "rps_game_losses_total": winners["user"],
        "rps_game_ties_total": winners["tie"],
        "rps_model_games_by_alias_total": len(finished),
        "rounds": results.total(),
    }
    found: dict[str, float] = {}

    def agree() -> bool:
        sums = summed(scrape())
        sums["rounds"] = sum(sums[f"rps_action_{result}_total"] for result in ("wins", "losses", "ties"))
        found.update({name: sums[name] for name in expected})
        return found == expected

    try:
        wait_until(agree, "agreement of /metrics with the store", SETTLE_SECONDS)
    except pytest.fail.Exception:
        assert found == expected


def check_cache(cache: ModelCache, entries: Iterable[CacheEntry], api_url: str) -> None:
    """Check that the cache has exactly the registry's models, undamaged, and that the API serves exactly these."""
    wanted = tuple(sorted(entries))
    index = cache.read_index()
    assert index is not None
    assert index.entries == wanted
    assert cache.run_ids() == {entry.run_id for entry in wanted}
    for entry in wanted:
        assert cache.read_bundle(entry).manifest.run_id == entry.run_id
    assert served(api_url) == {str(entry.slot): entry.version for entry in wanted}


def served(api_url: str) -> dict[str, str]:
    """Return the version in each filled slot."""
    described = httpx.get(f"{api_url}/models", timeout=30).raise_for_status().json()
    return {
        f"{family}@{alias}": model["version"]
        for family, description in described.items()
        for alias, model in description["aliases"].items()
        if model
    }


def stored_rounds(engine: Engine) -> Rounds:
    """Return the rounds of each game, ordered by number."""
    found: Rounds = defaultdict(list)
    with engine.connect() as connection:
        for row in connection.execute(select(events).order_by(events.c.game_id, events.c.step_no)):
            found[row.game_id].append(row)
    return found


def stored_games(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(games)))


def summed(metrics: str) -> Counter[str]:
    """Return each counter and gauge of a scrape, summed over its labels."""
    sums: Counter[str] = Counter()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            sums[sample.name] += sample.value  # type: ignore[assignment]
    return sums


def metric(api_url: str, name: str, **labels: str) -> float:
    """Return the sum of the samples of a metric with these labels; fail if there are none."""
    values = [
        sample.value
        for family in text_string_to_metric_families(httpx.get(f"{api_url}/metrics", timeout=30).text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert values, f"{name}{labels} is not exposed"
    return sum(values)


class Health:
    """The answer of /readyz at one moment."""

    def __init__(self, api_url: str) -> None:
        answer = httpx.get(f"{api_url}/readyz", timeout=30)
        self.status = answer.status_code
        self.ready: bool = answer.json()["ready"]
        self.reasons: list[str] = answer.json()["reasons"]
        self.degraded: list[str] = answer.json()["degraded"]

    @property
    def is_well(self) -> bool:
        return self.ready and not self.degraded
