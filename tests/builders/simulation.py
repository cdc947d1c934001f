"""Simulated games for training tests: scripted players against random bots, under the real rules."""

from random import Random

import polars as pl

from rps_assets.datasets.feature_frame import feature_frame
from rps_core.game.moves import MOVES
from rps_core.game.scoring import MAX_ROUNDS, PlayedRound, play_round, round_points
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS, decide, from_user_side


def simulate_game(game_id: str, player: str, random: Random) -> list[PlayedRound]:
    """Play one whole game of a scripted player against a random bot."""
    history: list[PlayedRound] = []
    user = bot = 0.0
    for round_no in range(1, MAX_ROUNDS + 1):
        points = round_points(game_id, round_no)
        user_move = decide(player, from_user_side(history), points, random)
        bot_move = random.choice(MOVES)
        outcome = play_round(user, bot, user_move, bot_move, points)
        user, bot = outcome.user_score, outcome.bot_score
        history.append(PlayedRound(round_no, user_move, bot_move, points, user, bot))
        if outcome.finished:
            break
    return history


def dataset_frame(n_games: int, seed: int = 7, players: tuple[str, ...] = SCRIPTED_PLAYERS) -> pl.DataFrame:
    """Return the examples of `n_games` games, players in rotation."""
    random = Random(seed)
    rows = [
        {
            "game_id": game_id,
            "round_no": played.round_no,
            "user_move": played.user_move,
            "bot_move": played.bot_move,
            "rock_pts": played.points[0],
            "paper_pts": played.points[1],
            "scissors_pts": played.points[2],
            "user_score": played.user_score,
            "bot_score": played.bot_score,
            "easy_mode": 0,
        }
        for number in range(n_games)
        for game_id in [f"simulated-{seed}-{number}"]
        for played in simulate_game(game_id, players[number % len(players)], random)
    ]
    return feature_frame(pl.DataFrame(rows)).filter(pl.col("round_no") >= 4)
