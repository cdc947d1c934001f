"""The gameplay endpoints; each calls `GameService`."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

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
from rps_api.problems import NO_GAME, NO_SLOT, NO_STORE, PlayProblem, problem
from rps_core.game.opponents import POLICIES
from rps_core.store.lineage import ModelLineage

_GAME_ID = "Id of a game, from the reply of POST /start_game."
GameId = Annotated[str, PathParameter(description=_GAME_ID)]
GameIdQuery = Annotated[str, QueryParameter(name="game_id", min_length=1, max_length=64, description=_GAME_ID)]
RoundNo = Annotated[
    int, PathParameter(description="Number of the round, from 1.", schema_extra={"minimum": 1, "maximum": 1000})
]
LimitQuery = Annotated[int, QueryParameter(name="limit", ge=1, le=100, description="Maximum number of rounds.")]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="Identifies this request. If it is sent again with the same key, the round is played once.",
        schema_extra={"pattern": "^[!-~]{1,128}$"},
    ),
]
_GAME_ERRORS = {404: NO_GAME, 503: NO_STORE}


class GamesController(Controller):
    """Start, play and read games.

    Handlers that only read run in a thread: otherwise a locked database would block the event loop and every health
    check. Start and play pass their reads and writes to threads themselves.
    """

    tags = ("play",)

    @post(
        "/start_game",
        status_code=200,
        before_request=limits_starts,
        operation_id="startGame",
        responses={400: NO_SLOT, 503: NO_STORE},
    )
    async def start_game(
        self, data: JSONBody[StartGameRequest], game_service: NamedDependency[GameService]
    ) -> StartGameReply:
        """Start a game against one of the opponents."""
        return await game_service.start(data)

    @post(
        "/play",
        status_code=200,
        before_request=limits_plays,
        operation_id="playRound",
        responses={
            400: problem("The move is not rock, paper or scissors."),
            404: NO_GAME,
            409: problem("The round cannot be played. The other fields are the state of the game.", PlayProblem),
            503: NO_STORE,
        },
    )
    async def play(
        self,
        data: JSONBody[PlayRequest],
        game_service: NamedDependency[GameService],
        idempotency_key: IdempotencyKey = None,
    ) -> PlayReply:
        """Play one round; answers 409 with the state of the game if the round cannot be played."""
        return await game_service.play(data, idempotency_key)

    @get("/round_points", sync_to_thread=True, operation_id="roundPoints", responses=_GAME_ERRORS)
    def round_points(self, game_id: GameIdQuery, game_service: NamedDependency[GameService]) -> RoundPointsReply:
        """Return the values of the next round."""
        return game_service.next_points(game_id)

    @get("/policies", sync_to_thread=False, operation_id="listPolicies")
    def policies(self) -> list[str]:
        """List the opponents."""
        return list(POLICIES)

    @get("/recent", sync_to_thread=True, operation_id="recentRounds", responses=_GAME_ERRORS)
    def recent(
        self, game_id: GameIdQuery, game_service: NamedDependency[GameService], limit: LimitQuery = 20
    ) -> list[PlayReply]:
        """Return the replies to the last rounds of a game, newest last."""
        return game_service.recent(game_id, limit)

    @get("/games/{game_id:str}", sync_to_thread=True, operation_id="getGame", responses=_GAME_ERRORS)
    def get_game(self, game_id: GameId, game_service: NamedDependency[GameService]) -> GameView:
        """Return a game and its rounds."""
        return game_service.view(game_id)

    @get(
        "/games/{game_id:str}/rounds/{round_no:int}/explanation",
        sync_to_thread=True,
        operation_id="explainRound",
        responses={404: problem("No game has this id, or its round was not played yet."), 503: NO_STORE},
    )
    def explain_round(
        self,
        game_id: GameId,
        round_no: RoundNo,
        game_service: NamedDependency[GameService],
        lineage: NamedDependency[ModelLineage],
    ) -> Explanation:
        """Explain one round, from the bot's move down to the dataset that trained its model."""
        return game_service.explain(game_id, round_no, lineage.manifest)


GAME_HANDLERS = [GamesController]
