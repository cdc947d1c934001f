"""Simulated games for training tests: scripted players against random bots under the real rules."""

from collections.abc import Mapping, Sequence
from random import Random

import polars as pl

from rps_assets.datasets.build import compute, round_schema
from rps_assets.datasets.feature_tables import current_table
from rps_core.game.moves import MOVES
from rps_core.game.scoring import MAX_ROUNDS, PlayedRound, play_round, round_points
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS, decide, from_user_side


def simulate_game(game_id: str, player: str, random: Random) -> list[PlayedRound]:
    """Return the rounds of one game of a scripted player against a random bot."""
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
    """Return the examples of `n_games` games, with the players in rotation."""
    random = Random(seed)
    histories = {
        game_id: simulate_game(game_id, players[number % len(players)], random)
        for number in range(n_games)
        for game_id in [f"simulated-{seed}-{number}"]
    }
    games = pl.DataFrame({"game_id": list(histories)}).with_columns(
        easy_mode=pl.lit(0), is_played=pl.lit(value=True), remembered_games=pl.lit(None, pl.String)
    )
    return compute(games, rounds_frame(histories), pl.DataFrame(schema=round_schema()), current_table())


def rounds_frame(histories: Mapping[str, Sequence[PlayedRound]], easy_mode: int = 0) -> pl.DataFrame:
    """Return the rounds of games by id as the table that `feature_frame` takes."""
    return pl.DataFrame(
        [
            {
                "game_id": game_id,
                "round_no": played.round_no,
                "user_move": played.user_move,
                "bot_move": played.bot_move,
                **dict(zip(("rock_pts", "paper_pts", "scissors_pts"), played.points, strict=True)),
                "user_score": played.user_score,
                "bot_score": played.bot_score,
                "easy_mode": easy_mode,
            }
            for game_id, history in histories.items()
            for played in history
        ]
    )
