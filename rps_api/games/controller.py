"""The gameplay endpoints: thin shells around `GameService`."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from rps_api.games.explanation_schemas import Explanation
from rps_api.games.schemas import (
    GameView,
    PlayReply,
    PlayRequest,
    RoundPointsReply,
    StartGameReply,
    StartGameRequest,
)
from rps_api.games.service import GameService
from rps_api.limits import limits_plays, limits_starts
from rps_core.game.opponents import POLICIES
from rps_core.store.lineage import ModelLineage

GameIdQuery = Annotated[str, QueryParameter(name="game_id", min_length=1, max_length=64)]
LimitQuery = Annotated[int, QueryParameter(name="limit", ge=1, le=100)]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(name="Idempotency-Key", description="Repeat a play with the same key: it is played once."),
]


class GamesController(Controller):
    """Start, play, read.

    What only reads the store runs in a thread: the event loop, and with it every health check, would stand still while
    another process holds the database. Playing hands its reads and writes to threads by itself.
    """

    tags = ("play",)

    @post("/start_game", status_code=200, before_request=limits_starts, operation_id="startGame")
    async def start_game(
        self, data: JSONBody[StartGameRequest], game_service: NamedDependency[GameService]
    ) -> StartGameReply:
        """Start a game against one of the opponents."""
        return await game_service.start(data)

    @post("/play", status_code=200, before_request=limits_plays, operation_id="playRound")
    async def play(
        self,
        data: JSONBody[PlayRequest],
        game_service: NamedDependency[GameService],
        idempotency_key: IdempotencyKey = None,
    ) -> PlayReply:
        """Play one round; 409 with the state of the game where it cannot be played."""
        return await game_service.play(data, idempotency_key)

    @get("/round_points", sync_to_thread=True, operation_id="roundPoints")
    def round_points(self, game_id: GameIdQuery, game_service: NamedDependency[GameService]) -> RoundPointsReply:
        """Return the values of the coming round."""
        return game_service.next_points(game_id)

    @get("/policies", sync_to_thread=False, operation_id="listPolicies")
    def policies(self) -> list[str]:
        """List the opponents."""
        return list(POLICIES)

    @get("/recent", sync_to_thread=True, operation_id="recentRounds")
    def recent(
        self, game_id: GameIdQuery, game_service: NamedDependency[GameService], limit: LimitQuery = 20
    ) -> list[PlayReply]:
        """Return the last rounds of a game as they were answered, newest last."""
        return game_service.recent(game_id, limit)

    @get("/games/{game_id:str}", sync_to_thread=True, operation_id="getGame")
    def get_game(self, game_id: FromPath[str], game_service: NamedDependency[GameService]) -> GameView:
        """Return a game with its rounds so far."""
        return game_service.view(game_id)

    @get("/games/{game_id:str}/rounds/{round_no:int}/explanation", sync_to_thread=True, operation_id="explainRound")
    def explain_round(
        self,
        game_id: FromPath[str],
        round_no: FromPath[int],
        game_service: NamedDependency[GameService],
        lineage: NamedDependency[ModelLineage],
    ) -> Explanation:
        """Explain one round, from the bot's move down to the dataset that trained its model."""
        return game_service.explain(game_id, round_no, lineage.manifest)


GAME_HANDLERS = [GamesController]
