"""The statistics endpoints: thin wrappers around `Statistics` and the export."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from rps_api.analytics import schemas as views
from rps_api.analytics.export import MEDIA_TYPES, ExportFormat, encoded, export_rows, require_format
from rps_api.analytics.service import Statistics
from rps_api.guards import check_operator
from rps_api.problems import BAD_FILTER, NO_GAME, NO_STORE, problem
from rps_core.game.opponents import POLICIES, opponent
from rps_core.store.analytics.filters import parse_difficulty
from rps_core.store.analytics.listing import plan_export

# An empty text means the same as no filter.
_ANY_POLICY = {"enum": [*POLICIES, "", None]}
TopLimit = Annotated[int, QueryParameter(ge=1, le=100, description="Maximum number of entries.")]
GamesLimit = Annotated[int, QueryParameter(ge=1, le=500, description="Maximum number of games.")]
ExportLimit = Annotated[int, QueryParameter(ge=1, le=10_000, description="Maximum number of rounds.")]
PlayerFilter = Annotated[str | None, QueryParameter(max_length=200, description="The exact name of a player.")]
PolicyFilter = Annotated[
    str | None, QueryParameter(max_length=200, description="An opponent.", schema_extra=_ANY_POLICY)
]
OpponentFilter = Annotated[
    str | None, QueryParameter(max_length=200, description="An opponent; all if missing.", schema_extra=_ANY_POLICY)
]
PolicyName = Annotated[str, PathParameter(description="An opponent.", schema_extra={"enum": list(POLICIES)})]
PlayerName = Annotated[str, PathParameter(description="The exact name of a player.")]
_EASY_MODE = "Games of the retired easy mode (true) or of the normal mode (false)."
EasyFilter = Annotated[bool | None, QueryParameter(description=_EASY_MODE)]
EasyMode = Annotated[bool, QueryParameter(description=_EASY_MODE)]
Difficulty = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        description="The same as text. Takes precedence over easy_mode.",
        schema_extra={"enum": ["standard", "normal", "easy", None]},
    ),
]
HumanOnly = Annotated[bool, QueryParameter(description="Exclude scripted players and names that are not people's.")]
SessionId = Annotated[
    str | None, QueryParameter(max_length=128, description="Id of a session, from the reply of POST /start_game.")
]
GameId = Annotated[
    str | None, QueryParameter(max_length=128, description="Id of a game, from the reply of POST /start_game.")
]
FileFormat = Annotated[ExportFormat, QueryParameter(description="The file format.")]
Before = Annotated[
    int | None,
    QueryParameter(ge=1, description="End of the previous page; take it from its Link header."),
]
WithSessions = Annotated[
    bool, QueryParameter(description="Include session ids and the ids of running games. For operators only.")
]
_STORE_ERRORS = {503: NO_STORE}
_SESSION_ERRORS = {
    401: problem("Sessions are requested, a token is configured, and the request does not carry it."),
    403: problem("Sessions are requested, no token is configured, and the request does not come from this machine."),
}


@dataclass
class ExportOperation(Operation):
    """The documentation of the export, whose reply has three media types; Litestar derives only one."""

    def __post_init__(self) -> None:
        """Document the three kinds of file."""
        text, integer = Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.INTEGER)
        rounds = Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT))
        schemas: dict[ExportFormat, Schema] = {
            "json": Schema(
                type=OpenAPIType.OBJECT,
                required=["count", "format", "data"],
                properties={"count": integer, "format": Schema(const="json"), "data": rounds},
            ),
            "csv": text,
            "parquet": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY),
        }
        content = {MEDIA_TYPES[kind]: OpenAPIMediaType(schema=schema) for kind, schema in schemas.items()}
        self.responses = (self.responses or {}) | {"200": OpenAPIResponse(description="The rounds.", content=content)}


class AnalyticsController(Controller):
    """How well people play, and the rounds themselves."""

    tags = ("analytics",)

    @get("/leaderboard", sync_to_thread=True, operation_id="leaderboard", responses=_STORE_ERRORS)
    def leaderboard(self, statistics: NamedDependency[Statistics], limit: TopLimit = 10) -> views.LeaderboardReply:
        """Rank people with at least five finished games by win rate."""
        return statistics.leaderboard(limit)

    @get(
        "/games",
        sync_to_thread=True,
        operation_id="listGames",
        responses={400: BAD_FILTER} | _SESSION_ERRORS | _STORE_ERRORS,
    )
    def games(
        self,
        request: Request[Any, Any, Any],
        statistics: NamedDependency[Statistics],
        player_name: PlayerFilter = None,
        policy: PolicyFilter = None,
        easy_mode: EasyFilter = None,
        difficulty_mode: Difficulty = None,
        limit: GamesLimit = 50,
        include_sessions: WithSessions = False,
    ) -> views.GamesReply:
        """List games, newest first, including unfinished ones."""
        _allow_sessions(request, include_sessions)
        easy_by_name = parse_difficulty(difficulty_mode)
        filters = statistics.all._replace(
            player_name=player_name or None,
            policy=_policy(policy),
            easy_mode=easy_mode if easy_by_name is None else easy_by_name,
        )
        return statistics.games(filters, limit, with_sessions=include_sessions)

    @get("/stats/global", sync_to_thread=True, operation_id="globalStats", responses=_STORE_ERRORS)
    def global_stats(self, statistics: NamedDependency[Statistics]) -> views.GlobalStats:
        """Summarise all play."""
        return statistics.global_stats()

    @get("/health/metrics", sync_to_thread=True, operation_id="activity", responses=_STORE_ERRORS)
    def activity(self, statistics: NamedDependency[Statistics]) -> views.ActivityReply:
        """Return how much is played now, and by which slots."""
        return statistics.activity()

    @get(
        "/stats/policy/{policy:str}",
        sync_to_thread=True,
        operation_id="policyStats",
        responses={404: problem("Nobody played against this opponent.")} | _STORE_ERRORS,
    )
    def policy_stats(
        self, policy: PolicyName, statistics: NamedDependency[Statistics], easy_mode: EasyFilter = None
    ) -> views.PolicyStats:
        """Summarise the games against one opponent."""
        return statistics.policy_stats(policy.strip().lower(), easy_mode)

    @get(
        "/stats/player/{player_name:str}",
        sync_to_thread=True,
        operation_id="playerStats",
        responses={404: problem("Nobody with this name has played.")} | _STORE_ERRORS,
    )
    def player_stats(self, player_name: PlayerName, statistics: NamedDependency[Statistics]) -> views.PlayerStats:
        """Summarise the games of one player."""
        return statistics.player_stats(player_name)

    @get(
        "/stats",
        sync_to_thread=True,
        operation_id="stats",
        responses={400: problem("Neither a game nor a session is given."), 404: NO_GAME} | _STORE_ERRORS,
    )
    def stats(
        self, statistics: NamedDependency[Statistics], session_id: SessionId = None, game_id: GameId = None
    ) -> views.GameStats | views.SessionStats:
        """Count the rounds of one game or one session."""
        return statistics.scoped_stats(session_id, game_id)

    @get(
        "/export",
        sync_to_thread=True,
        operation_id="exportRounds",
        operation_class=ExportOperation,
        responses={501: problem("The library for Parquet is not installed.")} | _SESSION_ERRORS | _STORE_ERRORS,
    )
    def export(
        self,
        request: Request[Any, Any, Any],
        statistics: NamedDependency[Statistics],
        format: FileFormat = "json",  # noqa: A002 - clients send this name
        limit: ExportLimit = 1000,
        before: Before = None,
        include_sessions: WithSessions = False,
    ) -> Stream:
        """Stream rounds, newest first. The Link header leads to the next page."""
        _allow_sessions(request, include_sessions)
        require_format(format)
        with statistics.engine.connect() as connection:
            page = plan_export(connection, statistics.all, limit, before)
        portions = export_rows(statistics.engine, statistics.all, page, with_sessions=include_sessions)
        headers = {"Content-Disposition": f'attachment; filename="rounds.{format}"'}
        if page.rows == limit:
            query: dict[str, Any] = {"format": format, "limit": limit, "before": page.oldest_id}
            query |= {"include_sessions": "true"} if include_sessions else {}
            headers["Link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
        return Stream(encoded(format, portions, page.rows), media_type=MEDIA_TYPES[format], headers=headers)

    @get("/bot_win_rates", sync_to_thread=True, operation_id="botWinRates", responses=_STORE_ERRORS)
    def bot_win_rates(
        self,
        statistics: NamedDependency[Statistics],
        easy_mode: EasyMode = False,
        human_only: HumanOnly = True,
    ) -> views.BotWinRatesReply:
        """Return how often each bot wins against people."""
        return statistics.bot_win_rates(easy_mode=easy_mode, human_only=human_only)

    @get(
        "/win_streaks",
        sync_to_thread=True,
        operation_id="winStreaks",
        responses={400: BAD_FILTER} | _STORE_ERRORS,
    )
    def win_streaks(
        self,
        statistics: NamedDependency[Statistics],
        opponent: OpponentFilter = None,
        limit: TopLimit = 10,
        easy_mode: EasyMode = False,
    ) -> views.WinStreaksReply:
        """Rank people by their longest winning streak."""
        return statistics.win_streaks(_policy(opponent), limit, easy_mode=easy_mode)


ANALYTICS_HANDLERS = [AnalyticsController]


def _policy(text: str | None) -> str | None:
    return opponent(text).policy if text and text.strip() else None


def _allow_sessions(request: Request[Any, Any, Any], include_sessions: bool) -> None:
    if include_sessions:
        check_operator(request)
