"""Parity of serving and training: what the API computed for some games, compared with what training builds of them.

Cal's move follows from the values of the round and his last three results, so models can predict it. Live accuracy
against Cal shows whether models that were good in training are good in play.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

# Imported here and not where they are used: without Polars the command fails before it plays games.
import polars as pl

from rps_assets.datasets.build import compute, round_schema
from rps_assets.datasets.feature_tables import TABLES
from rps_cli.operations.findings import Finding
from rps_core.api_client import ApiClient
from rps_core.errors import RpsError
from rps_core.features.contract import CONTRACTS, FeatureContract
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import MOVES
from rps_core.simulation.report import PlannedGame, SimulationReport
from rps_core.simulation.simulator import PlayOptions, play_games

PLAYER, POLICY = "cal", "forrest"
# JSON may change the last digit of a sum of probabilities.
PROBABILITY_TOLERANCE = 1e-9


class NothingToCompare(RpsError):
    """Games failed, or no model predicted anything."""


class AnsweredRound(NamedTuple):
    """What the API answered about a round: the reply to the move, and its explanation afterwards."""

    reply: dict[str, Any]
    explanation: dict[str, Any]

    @property
    def place(self) -> str:
        """The round, as a report names it."""
        return f"game {self.reply['game_id']}, round {self.reply['round']}"


class DifferingColumn(NamedTuple):
    """A feature that differs: in how many rounds, by how much at most, and in which round that is."""

    name: str
    rounds: int
    largest: float
    worst: str


class ParityReport(NamedTuple):
    """The result of a comparison.

    Attributes:
        rounds: number of compared rounds, without the opening.
        columns: the features that differ.
        not_reproduced: rounds in which the model now gives other probabilities than those it played with.
        not_chosen: rounds in which rule, prediction, budget and draw as stored do not give the bot's move again.
        unknown: number of rounds whose model was unloaded.
        accuracy: share of right predictions by alias; "playing" is the alias that chose the move.
        trained_accuracy: hold-out accuracy in training, by alias.
    """

    games: SimulationReport
    rounds: int
    columns: tuple[DifferingColumn, ...]
    not_reproduced: tuple[str, ...]
    not_chosen: tuple[str, ...]
    unknown: int
    accuracy: dict[str, float]
    trained_accuracy: dict[str, float]

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not (self.columns or self.not_reproduced or self.not_chosen)

    def findings(self) -> list[Finding]:
        """Return a finding about features, one about probabilities and one about the choice of moves."""
        compared = f"the features of {self.rounds} rounds"
        worst = [
            f"{column.name}: {column.rounds} rounds, largest {column.largest:g} in {column.worst}"
            for column in self.columns
        ]
        remedy = "compare the versions of API and code location: training and serving disagree. Then retrain"
        return [
            Finding("features", "failed", "\n".join(worst), remedy)
            if worst
            else Finding("features", "ok", f"{compared} equal what training builds, bit for bit"),
            Finding("probabilities", "failed", "\n".join(self.not_reproduced[:5]), "run `rps sync`, then `rps reload`")
            if self.not_reproduced
            else Finding("probabilities", "ok", f"replies and explanations agree; {self.unknown} models were gone"),
            Finding(
                "choices", "failed", "\n".join(self.not_chosen[:5]), "report a bug: a move was not chosen by its rule"
            )
            if self.not_chosen
            else Finding("choices", "ok", "the rule of each game gives every move again from what is stored"),
        ]

    def lines(self) -> list[str]:
        """Return the accuracies for people."""
        trained = self.trained_accuracy
        return [
            f"live action accuracy, {alias:<10} {share:6.1%}"
            + (f"   in training {trained[alias]:6.1%}" if alias in trained else "")
            for alias, share in self.accuracy.items()
        ]


def play_for_parity(api: ApiClient, games: int, *, seed: int, pause_seconds: float) -> ParityReport:
    """Play test games and compare them.

    Raises:
        NothingToCompare: a game failed, or no model predicted anything.
        ApiError: the API does not answer, or does not explain a round.
    """
    api.require_alive()
    replies: dict[str, list[dict[str, Any]]] = defaultdict(list)
    options = PlayOptions("test", pause_seconds, lambda reply: replies[reply["game_id"]].append(reply), concurrency=1)
    plan = [PlannedGame(number, PLAYER, POLICY) for number in range(games)]
    report = play_games(api.base_url, plan, seed=seed, options=options)
    if report.failed:
        raise NothingToCompare(f"games failed: {'; '.join(report.problems) or 'they did not end'}")
    rounds = [
        AnsweredRound(reply, api.get(f"/games/{game_id}/rounds/{reply['round']}/explanation"))
        for game_id, of_game in replies.items()
        for reply in of_game
    ]
    return compare(report, rounds, trained_accuracy(api))


def compare(report: SimulationReport, rounds: Sequence[AnsweredRound], trained: dict[str, float]) -> ParityReport:
    """Compare the answers with what training builds of the same games.

    Raises:
        NothingToCompare: no model predicted anything.
    """
    after_opening = [answered for answered in rounds if answered.reply["round"] >= FIRST_POLICY_ROUND]
    predicted = [answered for answered in after_opening if (answered.reply.get("debug") or {}).get("alias_predictions")]
    if not predicted:
        raise NothingToCompare("no model predicted anything; train first, or run `rps verify`")
    reproduced = [(answered.explanation.get("model") or {}).get("reproduced") for answered in predicted]
    return ParityReport(
        report,
        len(after_opening),
        tuple(_differing_columns(rounds, after_opening)),
        tuple(_differing_probabilities(predicted)),
        tuple(answered.place for answered in rounds if answered.explanation.get("choice_reproduced") is False),
        sum(known is None for known in reproduced),
        _accuracy(predicted),
        trained,
    )


def _differing_columns(rounds: Sequence[AnsweredRound], compared: Sequence[AnsweredRound]) -> list[DifferingColumn]:
    contracts = {answered.explanation["feature_contract"] for answered in compared}
    rebuilt = {
        str(contract): _rebuild_features(rounds, contract)
        for contract in CONTRACTS.values()
        if str(contract) in contracts
    }
    columns = {str(contract): contract.columns for contract in CONTRACTS.values()}
    differences: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for answered in compared:
        served, explained = answered.reply["debug"]["features"], answered.explanation["features"]
        contract = answered.explanation["feature_contract"]
        wanted = rebuilt[contract][answered.reply["game_id"], answered.reply["round"]]
        for name, value, trained_value in zip(columns[contract], served, wanted, strict=True):
            # The explanation is computed from the store: a third source, which must agree.
            difference = max(abs(value - trained_value), abs(explained[name] - trained_value))
            if difference:
                differences[name].append((difference, answered.place))
    return [DifferingColumn(name, len(found), *max(found)) for name, found in differences.items()]


def _rebuild_features(
    rounds: Sequence[AnsweredRound], contract: FeatureContract
) -> dict[tuple[str, int], tuple[float, ...]]:
    """Return the features that training builds, by game id and round number.

    Each game is the only one of its session, so it remembers no other.
    """
    rows = [
        {
            "game_id": reply["game_id"],
            "round_no": reply["round"],
            "user_move": reply["user_move"],
            "bot_move": reply["bot_move"],
            **{f"{move}_pts": float(reply["round_points"][move]) for move in MOVES},
            "user_score": float(reply["user_score"]),
            "bot_score": float(reply["bot_score"]),
        }
        for reply in (answered.reply for answered in rounds)
    ]
    games = pl.DataFrame({"game_id": list(dict.fromkeys(row["game_id"] for row in rows))}).with_columns(
        easy_mode=pl.lit(0), is_played=pl.lit(value=True), remembered_games=pl.lit(None, pl.String)
    )
    table = TABLES[contract.version]._replace(from_round=1)
    schema = round_schema()
    frame = compute(games, pl.DataFrame(rows, schema=schema), pl.DataFrame(schema=schema), table)
    numbered = frame.select("game_id", pl.col("round_no").cast(pl.Int64).alias("number"), *contract.columns)
    return {(game_id, number): tuple(features) for game_id, number, *features in numbered.iter_rows()}


def _differing_probabilities(predicted: Sequence[AnsweredRound]) -> list[str]:
    faults = []
    for answered in predicted:
        played, explained = answered.reply["debug"]["probabilities"], answered.explanation["probabilities"]
        if any(abs(played[move] - explained[move]) > PROBABILITY_TOLERANCE for move in MOVES):
            faults.append(f"{answered.place}: played with {played}, stored {explained}")
        elif (answered.explanation.get("model") or {}).get("reproduced") is False:
            faults.append(f"{answered.place}: the model now gives other probabilities")
    return faults


def _accuracy(predicted: Sequence[AnsweredRound]) -> dict[str, float]:
    right: dict[str, list[bool]] = defaultdict(list)
    for answered in predicted:
        predictions, user_move = answered.reply["debug"]["alias_predictions"], answered.reply["user_move"]
        for alias, prediction in predictions.items():
            right[alias].append(prediction["predicted_move"] == user_move)
        playing = (answered.reply.get("ab_assignment") or {}).get("alias")
        if playing in predictions:
            right["playing"].append(predictions[playing]["predicted_move"] == user_move)
    return {alias: sum(hits) / len(hits) for alias, hits in right.items()}


def trained_accuracy(api: ApiClient) -> dict[str, float]:
    """Return the hold-out accuracy of each served model of the opponent, by alias."""
    families: list[dict[str, Any]] = list(api.get("/models").values())
    described = next((family for family in families if family.get("policy") == POLICY), {})
    return {
        alias: float(model["metrics"]["test_accuracy"])
        for alias, model in described.get("aliases", {}).items()
        if model and "test_accuracy" in model.get("metrics", {})
    }
