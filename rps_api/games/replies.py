"""Replies built from stored data; a new round and a repeated request use the same function."""

from collections.abc import Sequence
from typing import cast

from rps_api.games.decision import SOURCE_FALLBACK, SOURCE_FORCED, SOURCE_GAMBIT, rule_of
from rps_api.games.schemas import (
    AbAssignment,
    AliasPrediction,
    GameView,
    ModelInfo,
    PlayDebug,
    PlayReply,
    PointsByMove,
    RoundView,
    Scores,
    StartGameReply,
    StartGameRequest,
    WinChances,
)
from rps_core.features.contract import FeatureContract, contract_of_game
from rps_core.features.habits import habit_to_work_on
from rps_core.features.rows import features_of_round
from rps_core.features.steps import steps_after
from rps_core.game.accounting import round_chances, win_probability
from rps_core.game.choice import UNIFORM, Probabilities, expected_values, most_probable
from rps_core.game.families import Slot
from rps_core.game.moves import MOVE_INDEX, MOVES, Move, Result, round_result
from rps_core.game.opponents import OPPONENTS
from rps_core.game.players import session_code
from rps_core.game.rules import round_stakes
from rps_core.game.scoring import TARGET_POINTS, PlayedRound, Winner, winner_of
from rps_core.game.value_keys import commitment
from rps_core.store.games import NO_MODEL_VERSION, NewRound, StoredGame, StoredPrediction, StoredRound
from rps_core.structs import struct_from

_NORMAL = "normal"


def by_move(values: tuple[float, float, float]) -> PointsByMove:
    """Convert three values in canonical order to named fields."""
    return PointsByMove(*values)


def start_reply(game: StoredGame, request: StartGameRequest) -> StartGameReply:
    """Build the reply to a start."""
    points = by_move(game.round_points(1))
    easy = (request.difficulty_mode or "").strip().lower() == "easy"
    message = (
        "easy mode is retired; the difficulty was coerced to normal" if easy else "the game has started; play round 1"
    )
    return StartGameReply(
        game_id=game.id,
        session_id=game.session_id,
        session_code=session_code(game.session_id),
        player_name=game.player_name,
        player_kind=game.player_kind,
        bot_policy=game.policy,
        policy=game.policy,
        difficulty_mode=_NORMAL,
        bot_model_alias=game.alias,
        model_type=game.family,
        model_version=game.model.version if game.model else None,
        status="active",
        message=message,
        target_score=TARGET_POINTS,
        round_no=1,
        round_points=points,
        points=points,
        user_score=0.0,
        bot_score=0.0,
        remembered_games=len(game.remembered_games),
        value_key_sha256=commitment(game.key),
        choice_rule=rule_of(game),
    )


def play_reply(game: StoredGame, played: StoredRound, features: list[float], habit: str | None = None) -> PlayReply:
    """Build the reply to a play.

    Args:
        game: the game; rounds from `played` on are ignored.
        played: the round as it is stored.
        features: the features of the round.
        habit: the player's habit at the end of the game.
    """
    history = game.rounds[: played.round_no - 1]
    result = round_result(played.user_move, played.bot_move)
    winner = _winner(game, played)
    in_opening = played.probability_source == SOURCE_GAMBIT
    info = _model_info(game, played)
    return PlayReply(
        game_id=game.id,
        round=played.round_no,
        user_move=played.user_move,
        player_move=played.user_move,
        bot_move=played.bot_move,
        result=result,
        user_delta=played.user_delta,
        bot_delta=played.bot_delta,
        user_score=played.user_score,
        bot_score=played.bot_score,
        round_points=by_move(played.points),
        next_round_points=None if winner else by_move(game.round_points(played.round_no + 1)),
        finished=winner is not None,
        winner=winner,
        win_probability=win_chances(game, played),
        value_key=game.key if winner else None,
        habit=habit if winner else None,
        scores=Scores(played.user_score, played.bot_score, _draws(history) + (result == "draw")),
        policy=game.policy,
        difficulty_mode=_NORMAL,
        model_info=info,
        ab_assignment=None if in_opening else _assignment(game),
        debug=_debug(game, played, features, info),
        message=_message(game, played, result, winner),
    )


def own_prediction(game: StoredGame, played: StoredRound) -> StoredPrediction | None:
    """Return the prediction that chose the bot's move; None in the opening and for a fallback."""
    if played.probability_source in {SOURCE_GAMBIT, SOURCE_FORCED, SOURCE_FALLBACK}:
        return None
    return next((prediction for prediction in played.predictions if prediction.alias == game.alias), None)


def probabilities_used(game: StoredGame, played: StoredRound) -> Probabilities:
    """Return the distribution that chose the bot's move; uniform if no model chose it."""
    own = own_prediction(game, played)
    return UNIFORM if own is None else own.probabilities


def move_values(game: StoredGame, played: StoredRound) -> tuple[float, float, float] | None:
    """Return the expected value of each bot move, in points; None in the opening, which computes none."""
    if played.probability_source == SOURCE_GAMBIT:
        return None
    user_score, bot_score = scores_before(game, played)
    return expected_values(probabilities_used(game, played), played.points, bot_score, user_score)


def win_values(game: StoredGame, played: StoredRound) -> tuple[float, float, float] | None:
    """Return the bot's win probability after each of its moves, as the bot expected; None in the opening."""
    stakes = round_stakes(*scores_before(game, played), played.points)
    if stakes is None or played.probability_source == SOURCE_GAMBIT:
        return None
    rock, paper, scissors = stakes.against_forecast(probabilities_used(game, played))
    return stakes.draw + rock, stakes.draw + paper, stakes.draw + scissors


def win_chances(game: StoredGame, played: StoredRound) -> WinChances | None:
    """Return what a round did to the player's chance to win; None for values that are not those of the rules."""
    own = own_prediction(game, played)
    as_played = PlayedRound(
        played.round_no, played.user_move, played.bot_move, played.points, played.user_score, played.bot_score
    )
    forecast = None if own is None else own.probabilities
    found = round_chances(scores_before(game, played), as_played, played.mixture, forecast)
    return None if found is None else WinChances(**found._asdict() | {"perfect": by_move(found.perfect)})


def scores_before(game: StoredGame, played: StoredRound) -> tuple[float, float]:
    """Return the scores of the user and the bot before a round."""
    history = game.rounds[: played.round_no - 1]
    return (history[-1].user_score, history[-1].bot_score) if history else (0.0, 0.0)


def features_of(
    game: StoredGame,
    played: StoredRound | NewRound,
    remembered: Sequence[int] | None,
    contract: FeatureContract | None = None,
) -> list[float]:
    """Return the features of a played round, recomputed from the rounds before it.

    Args:
        game: the game; rounds from `played` on are ignored.
        played: the round.
        remembered: counts of the games that the game remembers (`rps_api.games.memory`).
        contract: the contract; that of the game by default.
    """
    return features_of_round(
        contract or contract_of_game(game.contract_version),
        game.rounds[: played.round_no - 1],
        played.points,
        easy_mode=game.easy_mode,
        remembered=remembered,
    )


def alias_predictions(played: StoredRound) -> dict[str, AliasPrediction]:
    """Return the prediction of each slot in a round, by alias; empty in the opening."""
    return {prediction.alias: _alias_prediction(prediction) for prediction in played.predictions}


def habit_of(game: StoredGame, remembered: Sequence[int] | None) -> str | None:
    """Return the player's habit to work on, from a finished game and those that it remembers; None while it runs."""
    if game.finished_at is None:
        return None
    return habit_to_work_on(steps_after(game.rounds, remembered).person, 1 + len(game.remembered_games))


def game_view(game: StoredGame, habit: str | None) -> GameView:
    """Return a game with its rounds."""
    finished = game.finished_at is not None
    return struct_from(
        GameView,
        game,
        game_id=game.id,
        difficulty_mode=_NORMAL,
        model_type=game.family,
        bot_model_alias=game.alias,
        model_version=game.model.version if game.model else None,
        model_run_id=game.model.run_id if game.model else None,
        status="finished" if finished else "active",
        target_score=TARGET_POINTS,
        round_no=game.next_round_no,
        round_points=by_move(game.round_points(game.next_round_no)),
        remembered_games=len(game.remembered_games),
        opening_name=game.opening_name if finished else None,
        value_key=game.key if finished else None,
        habit=habit,
        value_key_sha256=commitment(game.key),
        choice_rule=rule_of(game),
        win_probability=win_probability(game.user_score, game.bot_score),
        rounds=[
            struct_from(RoundView, played, round=played.round_no, round_points=by_move(played.points))
            for played in game.rounds
        ],
    )


def _winner(game: StoredGame, played: StoredRound) -> Winner | None:
    """Return the winner if the round ended the game: as it was decided, which for older ties was by rounding."""
    by_score = winner_of(played.user_score, played.bot_score)
    return cast(Winner, game.winner) if by_score is not None and game.winner is not None else by_score


def _draws(history: tuple[PlayedRound, ...]) -> int:
    return sum(played.result == "draw" for played in history)


def _model_info(game: StoredGame, played: StoredRound) -> ModelInfo:
    in_opening = played.probability_source == SOURCE_GAMBIT
    own = own_prediction(game, played)
    version = own.model.version if own else NO_MODEL_VERSION
    return ModelInfo(
        model_type="gambit" if in_opening else game.family,
        model_alias=None if in_opening else game.alias,
        model_version=None if in_opening else version,
        model_run_id=own.model.run_id[:8] if own else None,
        difficulty_mode="easy" if game.easy_mode else "standard",
        policy=game.policy,
        probability_source=played.probability_source,
    )


def _assignment(game: StoredGame) -> AbAssignment:
    return AbAssignment(
        alias=game.alias, model_key=str(Slot(game.family, game.alias)), is_variant=game.alias != "Production"
    )


def _debug(game: StoredGame, played: StoredRound, features: list[float], info: ModelInfo) -> PlayDebug:
    values, wins = move_values(game, played), win_values(game, played)
    probabilities = by_move(probabilities_used(game, played))
    return PlayDebug(
        probabilities=probabilities,
        base_probabilities=probabilities,
        move_values={} if values is None else dict(zip(MOVES, values, strict=True)),
        expected_values={},
        probability_source=played.probability_source,
        model_type=info.model_type,
        selected_move=played.bot_move,
        effective_policy=game.policy,
        features=features,
        feature_count=len(features),
        round_no=played.round_no,
        model_info=info,
        alias_predictions=alias_predictions(played),
        choice_rule=rule_of(game),
        win_values={} if wins is None else dict(zip(MOVES, wins, strict=True)),
        mixture=None if played.mixture is None else by_move(played.mixture),
        budget=played.budget,
    )


def _alias_prediction(prediction: StoredPrediction) -> AliasPrediction:
    return AliasPrediction(
        model_version=prediction.model.version,
        model_run_id=prediction.model.run_id,
        probabilities=by_move(prediction.probabilities),
        predicted_move=most_probable(prediction.probabilities),
        correct=prediction.correct,
    )


def _message(game: StoredGame, played: StoredRound, result: Result, winner: Winner | None) -> str:
    opponent = OPPONENTS[game.policy].display_name.partition(" ")[0] if game.policy in OPPONENTS else game.policy
    if winner is not None:
        outcome = {"user": "You win the game", "bot": f"{opponent} wins the game", "tie": "The game is a tie"}[winner]
        return f"{outcome}, {played.user_score:.1f} to {played.bot_score:.1f}."
    if result == "draw":
        return f"Both played {played.user_move}: half a point each."
    winning: Move = played.user_move if result == "win" else played.bot_move
    losing: Move = played.bot_move if result == "win" else played.user_move
    gained = played.points[MOVE_INDEX[winning]]
    return (
        f"{winning.capitalize()} beats {losing}: {'you gain' if result == 'win' else f'{opponent} gains'} {gained:.1f}."
    )
