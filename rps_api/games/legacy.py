"""Three endpoints of the original that never worked there, on top of those that do. Kept for old clients alone."""

from random import Random
from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from rps_api.deprecation import SUCCESSOR
from rps_api.games.replies import by_move
from rps_api.games.schemas import PointsByMove, StartGameRequest
from rps_api.games.service import GameService
from rps_api.guards import requires_operator, requires_prediction_access
from rps_api.inference.prediction import ask_model, history_of_request
from rps_api.inference.prediction_schemas import Moves, PredictRequest, Text, Values
from rps_api.inference.served_models import ServedModels
from rps_api.limits import limits_starts
from rps_core.game.choice import Probabilities, choose_move, most_probable
from rps_core.game.moves import MOVES, Move, Result, parse_move, round_result
from rps_core.game.scoring import round_points, winner_of

MoveCount = Annotated[int, QueryParameter(name="moves", ge=1, le=20)]
Policy = Annotated[str, QueryParameter(name="policy", max_length=64)]


class LegacyGameRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A new game in the oldest form."""

    player_name: Text | None = "Player"
    policy: Text = "brian"
    difficulty_mode: Text | None = "normal"


class LegacyMoveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A move with the history the client remembers."""

    player_move: Text
    policy: Text = "brian"
    difficulty_mode: Text | None = "normal"
    player_history: Moves = []
    bot_history: Moves = []


class LegacyMoveReply(msgspec.Struct, frozen=True, kw_only=True):
    """The bot's answer to a told history; nothing is stored."""

    player_move: Move
    bot_move: Move
    result: Result
    prediction: Move
    probabilities: PointsByMove
    policy: str
    difficulty_mode: str
    api_version: str


class LegacyController(Controller):
    """Deprecated; each answer says so and names its successor."""

    tags = ("legacy",)

    @post(
        "/game",
        status_code=200,
        deprecated=True,
        before_request=limits_starts,
        operation_id="legacyGame",
        opt={SUCCESSOR: "/start_game"},
    )
    async def game(
        self, data: JSONBody[LegacyGameRequest], game_service: NamedDependency[GameService]
    ) -> dict[str, Any]:
        """Start a game."""
        started = await game_service.start(
            StartGameRequest(player_name=data.player_name, policy=data.policy, difficulty_mode=data.difficulty_mode)
        )
        return dict(msgspec.to_builtins(started)) | {"status": "ready", "api_version": "legacy"}

    @post(
        "/move",
        status_code=200,
        deprecated=True,
        guards=[requires_prediction_access],
        sync_to_thread=False,
        operation_id="legacyMove",
        opt={SUCCESSOR: "/play"},
    )
    def move(self, data: JSONBody[LegacyMoveRequest], served_models: NamedDependency[ServedModels]) -> LegacyMoveReply:
        """Answer a move from the history the client tells; nothing is stored."""
        return answer_move(data, served_models)

    @get(
        "/debug/random_game",
        deprecated=True,
        guards=[requires_operator],
        sync_to_thread=True,
        operation_id="legacyRandomGame",
        opt={SUCCESSOR: "/play"},
    )
    def random_game(
        self, served_models: NamedDependency[ServedModels], moves: MoveCount = 10, policy: Policy = "brian"
    ) -> dict[str, Any]:
        """Let random moves play against an opponent; nothing is stored."""
        rounds = random_rounds(policy, moves, served_models, Random())  # noqa: S311 - moves of a demonstration
        return {"policy": policy, "rounds": rounds, "api_version": "legacy"}


def answer_move(request: LegacyMoveRequest, served: ServedModels) -> LegacyMoveReply:
    """Choose the bot's move from a told history, every value being one point; raises what `predict` raises."""
    player_move = parse_move(request.player_move)
    told = PredictRequest(
        policy=request.policy, player_history=list(request.player_history), bot_history=list(request.bot_history)
    )
    bot_move, probabilities = _bot_move(told, served)
    return LegacyMoveReply(
        player_move=player_move,
        bot_move=bot_move,
        result=round_result(player_move, bot_move),
        prediction=most_probable(probabilities),
        probabilities=by_move(probabilities),
        policy=request.policy,
        difficulty_mode="normal",
        api_version="legacy",
    )


def random_rounds(policy: str, count: int, served: ServedModels, random: Random) -> list[dict[str, Any]]:
    """Play random moves against an opponent, without an opening, until `count` rounds or the end of the game."""
    game_id = f"random-{random.getrandbits(64):x}"
    values = [Values(*round_points(game_id, round_no)) for round_no in range(1, count + 1)]
    player: list[str] = []
    bot: list[str] = []
    for points in values:
        told = PredictRequest(
            policy=policy, player_history=player, bot_history=bot, round_values=points, history_values=values
        )
        bot_move, _ = _bot_move(told, served)
        player.append(random.choice(MOVES))
        bot.append(bot_move)
    told = PredictRequest(policy=policy, player_history=player, bot_history=bot, history_values=values)
    rounds = [
        {
            "round": played.round_no,
            "player_move": played.user_move,
            "bot_move": played.bot_move,
            "result": played.result,
            "round_points": msgspec.to_builtins(by_move(played.points)),
            "user_score": played.user_score,
            "bot_score": played.bot_score,
            "finished": winner_of(played.user_score, played.bot_score) is not None,
        }
        for played in history_of_request(told, (1.0, 1.0, 1.0))
    ]
    ending = next((number for number, played in enumerate(rounds, start=1) if played["finished"]), count)
    return rounds[:ending]


def _bot_move(told: PredictRequest, served: ServedModels) -> tuple[Move, Probabilities]:
    _, probabilities = ask_model(told, "Production", served.snapshot)
    current = told.round_values or Values()
    points = (current.rock, current.paper, current.scissors)
    history = history_of_request(told, points)
    user, bot = (history[-1].user_score, history[-1].bot_score) if history else (0.0, 0.0)
    return choose_move(probabilities, points, bot, user), probabilities


LEGACY_HANDLERS = [LegacyController]
