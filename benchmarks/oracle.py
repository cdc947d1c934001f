"""Measure the advantage of a player who asks a model for its prediction before each move.

    python -m benchmarks.oracle --games 300

Twelve trained models play simulated games. From the fourth round on, the cheating player asks one model: none, a
shadow, or the one that plays. The player then beats the move that follows from its prediction. Prints a table and
writes it to `benchmarks/results/oracle.json`.
"""

import argparse
from collections import Counter
from random import Random
from typing import Any

import onnxruntime

from benchmarks import report
from benchmarks.trained_models import trained_graphs
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.rows import features_of_round
from rps_core.game.choice import Probabilities, choose_move, sanitize_probabilities
from rps_core.game.families import ALIASES, FAMILIES, Alias, Family
from rps_core.game.gambits import draw_gambit, resolve_gambit
from rps_core.game.moves import MOVES, Move, hunter
from rps_core.game.scoring import MAX_ROUNDS, PlayedRound, Points, play_round, round_points


class Models:
    """The models of one family."""

    def __init__(self, family: Family) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graphs = trained_graphs()
        self._sessions = {
            slot.alias: onnxruntime.InferenceSession(graph, options)
            for slot, graph in graphs.items()
            if slot.family == family
        }

    def probabilities(self, alias: Alias, features: list[float]) -> Probabilities:
        """Return the probabilities that a model predicts for the user's move."""
        (probabilities,) = self._sessions[alias].run(["probabilities"], {"features": [features]})
        return sanitize_probabilities(probabilities[0].tolist())


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=300, help="games of each kind of player")
    games = parser.parse_args().games
    rows = []
    for family in FAMILIES:
        models = Models(family)
        for consulted in (None, *ALIASES):
            rows.append(_measure(models, family, consulted, games))
            print(rows[-1])
    report.write("oracle", {"games_each": games, "playing": "Production", "rows": rows})


def _measure(models: Models, family: Family, consulted: Alias | None, games: int) -> dict[str, Any]:
    counted: Counter[str] = Counter()
    for number in range(games):
        counted.update(_play(models, f"oracle-{family}-{number}", consulted, Random(number)))
    rounds = counted["rounds"]
    return {
        "family": family,
        "consulted": consulted or "none",
        "predicted_percent": round(100 * counted["predicted"] / rounds, 1) if consulted else None,
        "won_percent": round(100 * counted["user"] / games, 1),
        "policy_rounds": rounds,
    }


def _play(models: Models, game_id: str, consulted: Alias | None, random: Random) -> Counter[str]:
    counted: Counter[str] = Counter()
    opening = resolve_gambit(game_id, draw_gambit(random))
    history: list[PlayedRound] = []
    user = bot = 0.0
    for round_no in range(1, MAX_ROUNDS + 1):
        points = round_points(game_id, round_no)
        drawn: Move = random.choice(MOVES)
        if round_no <= len(opening):
            user_move, bot_move = drawn, opening[round_no - 1]
        else:
            features = features_of_round(CURRENT_CONTRACT, history, points)
            bot_move = _bot_move(models, "Production", features, points, bot, user)
            expected = None if consulted is None else _bot_move(models, consulted, features, points, bot, user)
            user_move = drawn if expected is None else hunter(expected)
            counted += Counter(rounds=1, predicted=int(expected == bot_move))
        outcome = play_round(user, bot, user_move, bot_move, points)
        user, bot = outcome.user_score, outcome.bot_score
        history.append(PlayedRound(round_no, user_move, bot_move, points, user, bot))
        if outcome.winner is not None:
            counted[outcome.winner] += 1
            break
    return counted


def _bot_move(models: Models, alias: Alias, features: list[float], points: Points, bot: float, user: float) -> Move:
    return choose_move(models.probabilities(alias, features), points, bot, user)


if __name__ == "__main__":
    main()
