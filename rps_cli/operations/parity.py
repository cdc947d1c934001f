"""Parity of play and training: features and probabilities of games that are played now, rebuilt offline, compared.

The scripted player Cal is deterministic given what it saw, so its moves can be foretold: live accuracy against it tells
whether models that looked good in training are good in play.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from rps_cli.operations.findings import Finding
from rps_core.api_client import ApiClient
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import MOVES
from rps_core.simulation.report import PlannedGame, SimulationReport
from rps_core.simulation.simulator import PlayOptions, play_games

PLAYER, POLICY = "cal", "forrest"
# Probabilities travel as JSON and are computed once; only their sum may differ in the last digit.
PROBABILITY_TOLERANCE = 1e-9


class NothingToCompare(RpsError):
    """There is nothing to compare: games failed, or nothing was predicted."""


class Answered(NamedTuple):
    """A round as the API answered it."""

    reply: dict[str, Any]
    explanation: dict[str, Any]


class Column(NamedTuple):
    """How a column compares: rounds that differ, the largest difference, and where that is."""

    name: str
    differing: int
    largest: float
    worst: str


class ParityReport(NamedTuple):
    """What a comparison came to.

    Attributes:
        rounds: policy rounds that were compared.
        columns: the columns that differ.
        not_reproduced: rounds whose model, asked again, gives other probabilities than those it played on.
        unknown: rounds whose model could not be asked again.
        accuracy: share of right predictions of each alias, and of the alias that played ("playing").
        trained_accuracy: what the models promised in training, by alias.
    """

    games: SimulationReport
    rounds: int
    columns: tuple[Column, ...]
    not_reproduced: tuple[str, ...]
    unknown: int
    accuracy: dict[str, float]
    trained_accuracy: dict[str, float]

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.columns and not self.not_reproduced

    def findings(self) -> list[Finding]:
        """Return the verdicts."""
        compared = f"{len(CURRENT_CONTRACT.columns)} columns of {self.rounds} rounds"
        worst = [f"{one.name}: {one.differing} rounds, largest {one.largest:g} in {one.worst}" for one in self.columns]
        todo = "training and serving disagree: compare the versions of API and code location, then retrain"
        return [
            Finding("features", "failed", "\n".join(worst), todo)
            if worst
            else Finding("features", "ok", f"{compared} equal what training builds, bit for bit"),
            Finding("probabilities", "failed", "\n".join(self.not_reproduced[:5]), "`rps sync`, then `rps reload`")
            if self.not_reproduced
            else Finding("probabilities", "ok", f"replies and explanations agree; {self.unknown} models were gone"),
        ]

    def lines(self) -> list[str]:
        """Return accuracy for people."""
        known = self.trained_accuracy
        return [
            f"live action accuracy, {alias:<10} {share:6.1%}"
            + (f"   in training {known[alias]:6.1%}" if alias in known else "")
            for alias, share in self.accuracy.items()
        ]


def play_for_parity(api: ApiClient, games: int, *, seed: int, pause_seconds: float) -> ParityReport:
    """Play test games and compare them.

    Raises:
        NothingToCompare: a game failed, or nothing was predicted.
        ApiError: the API does not answer, or an explanation cannot be had.
    """
    # Each game would wait half a minute for an API that may be starting.
    api.get("/healthz")
    replies: dict[str, list[dict[str, Any]]] = defaultdict(list)
    options = PlayOptions("test", pause_seconds, lambda _, reply: replies[reply["game_id"]].append(reply))
    plan = [PlannedGame(number, PLAYER, POLICY) for number in range(games)]
    report = play_games(api.base_url, plan, seed=seed, concurrency=1, options=options)
    if report.failed:
        raise NothingToCompare(f"games failed: {'; '.join(report.problems) or 'they did not end'}")
    answered = {
        game_id: [Answered(one, api.get(f"/games/{game_id}/rounds/{one['round']}/explanation")) for one in told]
        for game_id, told in replies.items()
    }
    return compare(report, answered, trained_accuracy(api))


def compare(report: SimulationReport, answered: dict[str, list[Answered]], trained: dict[str, float]) -> ParityReport:
    """Compare what was answered with what training builds of the same rounds.

    Raises:
        NothingToCompare: nothing was predicted.
    """
    rounds = [one for told in answered.values() for one in told if one.reply["round"] >= FIRST_POLICY_ROUND]
    predicted = [one for one in rounds if (one.reply.get("debug") or {}).get("alias_predictions")]
    if not predicted:
        raise NothingToCompare("no model predicted anything; train first, or look at `rps verify`")
    reproduced = [(one.explanation.get("model") or {}).get("reproduced") for one in predicted]
    return ParityReport(
        report,
        len(rounds),
        tuple(_differing_columns(answered, rounds)),
        tuple(_other_probabilities(predicted)),
        sum(known is None for known in reproduced),
        _accuracy(predicted),
        trained,
    )


def _differing_columns(answered: dict[str, list[Answered]], rounds: Sequence[Answered]) -> list[Column]:
    rebuilt = _rebuilt(answered)
    differences: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for one in rounds:
        game_id, round_no = one.reply["game_id"], one.reply["round"]
        served, explained = one.reply["debug"]["features"], one.explanation["features"]
        for name, told, wanted in zip(CURRENT_CONTRACT.columns, served, rebuilt[game_id, round_no], strict=True):
            # An explanation is computed from the store: a third source, which must say the same.
            off = max(abs(told - wanted), abs(explained[name] - wanted))
            if off:
                differences[name].append((off, f"game {game_id}, round {round_no}"))
    return [Column(name, len(found), *max(found)) for name, found in differences.items()]


def _rebuilt(answered: dict[str, list[Answered]]) -> dict[tuple[str, int], tuple[float, ...]]:
    import polars as pl

    from rps_assets.datasets.feature_frame import feature_frame

    rows = [
        {
            "game_id": one.reply["game_id"],
            "round_no": one.reply["round"],
            "user_move": one.reply["user_move"],
            "bot_move": one.reply["bot_move"],
            **{f"{move}_pts": float(one.reply["round_points"][move]) for move in MOVES},
            "user_score": float(one.reply["user_score"]),
            "bot_score": float(one.reply["bot_score"]),
            "easy_mode": 0,
        }
        for told in answered.values()
        for one in told
    ]
    frame = feature_frame(pl.DataFrame(rows)).select("game_id", "round_no", *CURRENT_CONTRACT.columns)
    return {(row[0], row[1]): row[2:] for row in frame.iter_rows()}


def _other_probabilities(predicted: Sequence[Answered]) -> list[str]:
    faults = []
    for one in predicted:
        place = f"game {one.reply['game_id']}, round {one.reply['round']}"
        played, explained = one.reply["debug"]["probabilities"], one.explanation["probabilities"]
        if any(abs(played[move] - explained[move]) > PROBABILITY_TOLERANCE for move in MOVES):
            faults.append(f"{place}: played on {played}, stored {explained}")
        elif (one.explanation.get("model") or {}).get("reproduced") is False:
            faults.append(f"{place}: the model, asked again, says something else")
    return faults


def _accuracy(predicted: Sequence[Answered]) -> dict[str, float]:
    right: dict[str, list[bool]] = defaultdict(list)
    for one in predicted:
        made = one.reply["debug"]["alias_predictions"]
        for alias, prediction in made.items():
            right[alias].append(prediction["predicted_move"] == one.reply["user_move"])
        playing = (one.reply.get("ab_assignment") or {}).get("alias")
        if playing in made:
            right["playing"].append(made[playing]["predicted_move"] == one.reply["user_move"])
    return {alias: sum(found) / len(found) for alias, found in right.items()}


def trained_accuracy(api: ApiClient) -> dict[str, float]:
    """Return the hold-out accuracy that each served model of the opponent promised."""
    described: dict[str, Any] = next((one for one in api.get("/models").values() if one.get("policy") == POLICY), {})
    return {
        alias: float(held["metrics"]["test_accuracy"])
        for alias, held in described.get("aliases", {}).items()
        if held and "test_accuracy" in held.get("metrics", {})
    }
