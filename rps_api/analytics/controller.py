"""The statistics endpoints: thin shells around `Statistics` and the export."""

from typing import Annotated, Any
from urllib.parse import urlencode

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from rps_api.analytics import schemas as views
from rps_api.analytics.export import MEDIA_TYPES, ExportFormat, encoded, require_format, rows_of
from rps_api.analytics.service import Statistics
from rps_api.guards import check_operator
from rps_core.game.opponents import opponent
from rps_core.store.analytics import parse_difficulty, plan_export

TopLimit = Annotated[int, QueryParameter(ge=1, le=100)]
GamesLimit = Annotated[int, QueryParameter(ge=1, le=500)]
ExportLimit = Annotated[int, QueryParameter(ge=1, le=10_000)]
Name = Annotated[str | None, QueryParameter(max_length=200)]
Id = Annotated[str | None, QueryParameter(max_length=128)]
Before = Annotated[
    int | None,
    QueryParameter(ge=1, description="Where the page before ended; take it from its Link header."),
]
WithSessions = Annotated[
    bool, QueryParameter(description="Tell session ids, and the ids of running games; for operators alone.")
]


class AnalyticsController(Controller):
    """Who plays how well, and the rounds themselves."""

    tags = ("analytics",)

    @get("/leaderboard", sync_to_thread=True, operation_id="leaderboard")
    def leaderboard(self, statistics: NamedDependency[Statistics], limit: TopLimit = 10) -> views.LeaderboardReply:
        """Rank people with at least five finished games by win rate."""
        return statistics.leaderboard(limit)

    @get("/games", sync_to_thread=True, operation_id="listGames")
    def games(
        self,
        request: Request[Any, Any, Any],
        statistics: NamedDependency[Statistics],
        player_name: Name = None,
        policy: Name = None,
        easy_mode: FromQuery[bool | None] = None,
        difficulty_mode: Name = None,
        limit: GamesLimit = 50,
        include_sessions: WithSessions = False,
    ) -> views.GamesReply:
        """List games, the newest first, unfinished ones included."""
        _allow_sessions(request, include_sessions)
        wanted = parse_difficulty(difficulty_mode)
        filters = statistics.all._replace(
            player_name=player_name or None,
            policy=_policy(policy),
            easy_mode=easy_mode if wanted is None else wanted,
        )
        return statistics.games(filters, limit, with_sessions=include_sessions)

    @get("/stats/global", sync_to_thread=True, operation_id="globalStats")
    def global_stats(self, statistics: NamedDependency[Statistics]) -> views.GlobalStats:
        """Summarise all play."""
        return statistics.global_stats()

    @get("/health/metrics", sync_to_thread=True, operation_id="activity")
    def activity(self, statistics: NamedDependency[Statistics]) -> views.ActivityReply:
        """Tell how much is played at this moment, and by which slots."""
        return statistics.activity()

    @get("/stats/policy/{policy:str}", sync_to_thread=True, operation_id="policyStats")
    def policy_stats(
        self, policy: FromPath[str], statistics: NamedDependency[Statistics], easy_mode: FromQuery[bool | None] = None
    ) -> views.PolicyStats:
        """Summarise play against one opponent; 404 while there is none."""
        return statistics.policy_stats(policy.strip().lower(), easy_mode)

    @get("/stats/player/{player_name:str}", sync_to_thread=True, operation_id="playerStats")
    def player_stats(self, player_name: FromPath[str], statistics: NamedDependency[Statistics]) -> views.PlayerStats:
        """Summarise one player; 404 for a name that has not played."""
        return statistics.player_stats(player_name)

    @get("/stats", sync_to_thread=True, operation_id="stats")
    def stats(
        self, statistics: NamedDependency[Statistics], session_id: Id = None, game_id: Id = None
    ) -> views.GameStats | views.SessionStats:
        """Count the rounds of one game or one session."""
        return statistics.scoped_stats(session_id, game_id)

    @get("/export", sync_to_thread=True, operation_id="exportRounds")
    def export(
        self,
        request: Request[Any, Any, Any],
        statistics: NamedDependency[Statistics],
        format: FromQuery[ExportFormat] = "json",  # noqa: A002 - the name that clients send and that errors tell
        limit: ExportLimit = 1000,
        before: Before = None,
        include_sessions: WithSessions = False,
    ) -> Stream:
        """Stream rounds, the one stored last first; the Link header leads to the next page."""
        _allow_sessions(request, include_sessions)
        require_format(format)
        with statistics.engine.connect() as connection:
            page = plan_export(connection, statistics.all, limit, before)
        portions = rows_of(statistics.engine, statistics.all, page, with_sessions=include_sessions)
        headers = {"Content-Disposition": f'attachment; filename="rounds.{format}"'}
        if page.rows == limit:
            query: dict[str, Any] = {"format": format, "limit": limit, "before": page.oldest_id}
            query |= {"include_sessions": "true"} if include_sessions else {}
            headers["Link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
        return Stream(encoded(format, portions, page.rows), media_type=MEDIA_TYPES[format], headers=headers)

    @get("/bot_win_rates", sync_to_thread=True, operation_id="botWinRates")
    def bot_win_rates(
        self,
        statistics: NamedDependency[Statistics],
        easy_mode: FromQuery[bool] = False,
        human_only: FromQuery[bool] = True,
    ) -> views.BotWinRatesReply:
        """Tell what each bot wins against people."""
        return statistics.bot_win_rates(easy_mode=easy_mode, human_only=human_only)

    @get("/win_streaks", sync_to_thread=True, operation_id="winStreaks")
    def win_streaks(
        self,
        statistics: NamedDependency[Statistics],
        opponent: Name = None,
        limit: TopLimit = 10,
        easy_mode: FromQuery[bool] = False,
    ) -> views.WinStreaksReply:
        """Rank people by their longest run of won games."""
        return statistics.win_streaks(_policy(opponent), limit, easy_mode=easy_mode)


ANALYTICS_HANDLERS = [AnalyticsController]


def _policy(text: str | None) -> str | None:
    return opponent(text).policy if text and text.strip() else None


def _allow_sessions(request: Request[Any, Any, Any], wanted: bool) -> None:
    if wanted:
        check_operator(request)
