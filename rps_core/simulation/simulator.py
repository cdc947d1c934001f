"""A simulator that lets scripted players and simulated people play whole games over HTTP, as a browser would.

The plan lists the games. The random draws of a game depend only on the seed and on its position in the plan, not on the
order in which games end. Simulated people play several games one after the other, in one session each.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

import httpx

from rps_core.addresses import parse_address
from rps_core.errors import RpsError
from rps_core.game.moves import MOVES, Move, parse_move
from rps_core.game.opponents import POLICIES
from rps_core.game.players import PlayerKind
from rps_core.game.scoring import PlayedRound, Points, Winner, play_round
from rps_core.game.value_keys import value_fault
from rps_core.http_clients import async_http_client
from rps_core.simulation.people.priors import DEFAULT_VALUE_PRIOR, ValuePrior
from rps_core.simulation.report import GameOutcome, GameResult, PlannedGame, SimulationReport
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS, decide, display_name, from_user_side

if TYPE_CHECKING:
    from rps_core.simulation.people.person import Person

# A ninth player, which draws its moves uniformly.
RANDOM_PLAYER = "random"
# A simulated person: each session is another one.
PEOPLE_PLAYER = "people"
# Three times the longest possible game: a server that never ends a game must not block the session.
MAX_REQUESTED_ROUNDS = 60
REQUEST_TIMEOUT_SECONDS = 30.0
DEFAULT_CONCURRENCY = 8
# A killed API restarts within seconds; these pauses add up to half a minute.
RETRY_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
SCORE_TOLERANCE_POINTS = 1e-6
# The client is too fast, or the server is briefly unavailable.
RETRIED_STATUS = frozenset({429, 502, 503, 504})


class SimulationError(RpsError):
    """A game cannot continue: the API refuses, contradicts the rules or does not answer."""


class PlayOptions(NamedTuple):
    """Options of a session.

    Attributes:
        player_kind: stored kind of the player; no statistic counts test games.
        pause_seconds: pause after each round of a game.
        listener: receives each reply of ``POST /play``.
        progress: called after each game with the numbers of finished and planned games.
        concurrency: largest number of games at the same time.
        games_each: number of games of the plan that one session plays, one after the other.
        value_prior: how much simulated people weigh the values of moves.
    """

    player_kind: PlayerKind = "scripted"
    pause_seconds: float = 0.0
    listener: Callable[[dict[str, Any]], None] | None = None
    progress: Callable[[int, int], None] | None = None
    concurrency: int = DEFAULT_CONCURRENCY
    games_each: int = 1
    value_prior: ValuePrior = DEFAULT_VALUE_PRIOR


SCRIPTED = PlayOptions()


def plan_games(
    count: int, *, seed: int, players: Sequence[str] = SCRIPTED_PLAYERS, policies: Sequence[str] = POLICIES
) -> list[PlannedGame]:
    """Plan `count` games: every player meets every opponent once before any pair meets again.

    The seed draws the order of the pairs, so that short sessions do not always skip the same ones.
    """
    pairs = [(player, policy) for policy in policies for player in players]
    random = Random(f"{seed}:plan")  # noqa: S311  # a plan, not a secret
    planned: list[PlannedGame] = []
    while len(planned) < count:
        random.shuffle(pairs)
        planned += [PlannedGame(len(planned) + place, *pair) for place, pair in enumerate(pairs)]
    return planned[:count]


def play_games(
    base_url: str, plan: Sequence[PlannedGame], *, seed: int, options: PlayOptions = SCRIPTED
) -> SimulationReport:
    """Play the plan against the API at `base_url`; a game that fails counts as an error.

    Raises:
        HttpSetupError: as for `play_games_async`.
    """
    return asyncio.run(play_games_async(base_url, plan, seed=seed, options=options))


async def play_games_async(
    base_url: str, plan: Sequence[PlannedGame], *, seed: int, options: PlayOptions = SCRIPTED
) -> SimulationReport:
    """Play the plan like `play_games`, in a running event loop. Cancelling the task stops the session.

    Raises:
        HttpSetupError: the proxy or the certificates for the API cannot be used.
    """
    outcomes: list[GameOutcome] = []
    sessions = iter([plan[first : first + options.games_each] for first in range(0, len(plan), options.games_each)])
    limits = httpx.Limits(max_connections=options.concurrency, max_keepalive_connections=options.concurrency)
    address = parse_address(base_url)
    async with async_http_client(
        address.url,
        base_url=address.url,
        auth=address.credentials,
        timeout=REQUEST_TIMEOUT_SECONDS,
        limits=limits,
    ) as client:

        async def work_through() -> None:
            for games in sessions:
                player = _Session(options, seed, games[0].number)
                for game in games:
                    outcomes.append(await player.play(client, game))
                    if options.progress is not None:
                        options.progress(len(outcomes), len(plan))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(options.concurrency, len(plan))):
                group.create_task(work_through())
    return SimulationReport(tuple(sorted(outcomes, key=lambda outcome: outcome.game.number)))


class _Session:
    """A player who plays games one after the other in one session of the API."""

    def __init__(self, options: PlayOptions, seed: int, number: int) -> None:
        self._options, self._seed = options, seed
        self._number = number
        self._person: Person | None = None
        self._session_id: str | None = None

    async def play(self, client: httpx.AsyncClient, game: PlannedGame) -> GameOutcome:
        """Play one game to its end."""
        log, options = _GameLog(game), self._options
        random = Random(f"{self._seed}:{game.number}")  # noqa: S311  # repeatable play, not a secret
        if game.player == PEOPLE_PLAYER:
            self._person = self._person or self._drawn_person()
            self._person.start_game()
        try:
            started = await self._start(client, game)
            log.game_id, log.alias = str(started["game_id"]), started.get("bot_model_alias")
            points = _points_in(started, "round_points")
            for round_no in range(1, MAX_REQUESTED_ROUNDS + 1):
                move = self._choose(game.player, log.rounds, points, random)
                reply = await _post(client, "/play", {"game_id": log.game_id, "user_move": move, "round": round_no})
                log.record(reply, read_round(reply, round_no, points, move))
                if options.listener is not None:
                    options.listener(reply)
                if reply["finished"]:
                    log.require_values(started.get("value_key_sha256"), reply.get("value_key"))
                    return log.outcome(_winner(reply["winner"]))
                points = _points_in(reply, "next_round_points")
                await asyncio.sleep(options.pause_seconds)
        except (httpx.HTTPError, httpx.InvalidURL, RpsError, AttributeError, KeyError, TypeError, ValueError) as error:
            problem = str(error) if isinstance(error, RpsError) else f"{type(error).__name__}: {error}"
            return log.outcome("error", problem)
        return log.outcome("timeout")

    async def _start(self, client: httpx.AsyncClient, game: PlannedGame) -> Any:
        options = self._options
        body = {"player_name": display_name(game.player), "policy": game.policy, "player_kind": options.player_kind}
        # The API names the session of the first game.
        started = await _post(
            client, "/start_game", body | ({"session_id": self._session_id} if self._session_id else {})
        )
        if options.games_each > 1:
            self._session_id = started["session_id"]
        return started

    def _choose(self, player: str, rounds: Sequence[PlayedRound], points: Points, random: Random) -> Move:
        if self._person is not None:
            return self._person.choose(rounds, points)
        return choose_move(player, rounds, points, random)

    def _drawn_person(self) -> "Person":
        # Scripted players need no NumPy.
        import numpy as np

        from rps_core.simulation.people.person import Person

        seed = Random(f"{self._seed}:{self._number}:person").getrandbits(64)  # noqa: S311  # repeatable play
        return Person(np.random.default_rng(seed), self._options.value_prior)


class _GameLog:
    """The rounds and counts of a game in progress."""

    def __init__(self, game: PlannedGame) -> None:
        self.game = game
        self.game_id: str | None = None
        self.alias: str | None = None
        self.rounds: list[PlayedRound] = []
        self._counts = {name: Counter[str]() for name in ("sources", "round_results", "predicted", "correct")}

    def record(self, reply: dict[str, Any], played: PlayedRound) -> None:
        """Add a round.

        Raises:
            SimulationError: the scores contradict the rules.
        """
        _require_scores(self.rounds, played, finished=bool(reply["finished"]))
        self.rounds.append(played)
        self._counts["sources"][str((reply.get("model_info") or {}).get("probability_source") or "unknown")] += 1
        self._counts["round_results"][played.result] += 1
        for alias, made in ((reply.get("debug") or {}).get("alias_predictions") or {}).items():
            self._counts["predicted"][alias] += 1
            self._counts["correct"][alias] += bool(made["correct"])

    def require_values(self, committed: str | None, key: str | None) -> None:
        """Compare the values of all rounds with the key that the finished game shows.

        Raises:
            SimulationError: the key is not the one of the start, or it gives other values.
        """
        fault = value_fault(str(key or self.game_id), committed, [played.points for played in self.rounds])
        if fault is not None:
            raise SimulationError(f"the values of the game were not fixed before its first move: {fault}")

    def outcome(self, result: GameResult, problem: str = "") -> GameOutcome:
        """Return the outcome of the game."""
        return GameOutcome(
            self.game, result, len(self.rounds), self.alias, problem=problem, game_id=self.game_id, **self._counts
        )


def _require_scores(before: Sequence[PlayedRound], played: PlayedRound, *, finished: bool) -> None:
    user, bot = (before[-1].user_score, before[-1].bot_score) if before else (0.0, 0.0)
    expected = play_round(user, bot, played.user_move, played.bot_move, played.points)
    # Scores are sums of doubles, so rounding may change the last digits.
    is_equal = (
        abs(played.user_score - expected.user_score) < SCORE_TOLERANCE_POINTS
        and abs(played.bot_score - expected.bot_score) < SCORE_TOLERANCE_POINTS
    )
    # A game that should have ended needs no check here: it becomes a timeout.
    if not is_equal or (finished and not expected.finished):
        raise SimulationError(
            f"the API answered round {played.round_no} with the scores {played.user_score} to {played.bot_score}"
            f"{' at the end' if finished else ''}; the rules give {expected.user_score} to {expected.bot_score}"
            f"{' at the end' if expected.finished else ''}"
        )


def choose_move(player: str, rounds: Iterable[PlayedRound], points: Points, random: Random) -> Move:
    """Return the move of a scripted player, or a uniform draw for the random player.

    Raises:
        SimulationError: no player has this name.
    """
    if player == RANDOM_PLAYER:
        return random.choice(MOVES)
    try:
        return decide(player, from_user_side(rounds), points, random)
    except KeyError as error:
        known = ", ".join((*SCRIPTED_PLAYERS, RANDOM_PLAYER))
        raise SimulationError(f"unknown player {player[:40]!r}; choose one of {known}") from error


def read_round(reply: Any, round_no: int, points: Points, user_move: Move) -> PlayedRound:
    """Read the reply of ``POST /play``.

    Raises:
        SimulationError: the reply has another round, other points or another move of the user.
    """
    replied_points = _points_in(reply, "round_points")
    if (int(reply["round"]), replied_points, reply["user_move"]) != (round_no, points, user_move):
        raise SimulationError(
            f"the request was {user_move} in round {round_no} with the points {points}, the reply is about "
            f"{reply['user_move']} in round {reply['round']} with {replied_points}; is the API another version?"
        )
    bot_move = parse_move(str(reply["bot_move"]))
    return PlayedRound(round_no, user_move, bot_move, points, float(reply["user_score"]), float(reply["bot_score"]))


def _points_in(reply: Any, field: str) -> Points:
    rock, paper, scissors = (float(reply[field][move]) for move in MOVES)
    return rock, paper, scissors


def _winner(name: str) -> GameResult:
    if name not in get_args(Winner):
        raise SimulationError(f"the API named {name!r} as the winner; expected user, bot or tie")
    return cast(Winner, name)


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    """Post, and repeat the request if the connection fails: the API answers a repeated round identically."""
    for pause in (*RETRY_PAUSES_SECONDS, None):
        try:
            response = await client.post(path, json=body)
        except httpx.TransportError as error:
            if pause is None:
                raise SimulationError(
                    f"the API at {client.base_url} does not answer ({type(error).__name__}); is it running?"
                ) from error
        else:
            if response.is_success:
                return response.json()
            if pause is None or response.status_code not in RETRIED_STATUS:
                raise SimulationError(f"POST {path} answered {response.status_code}: {response.text[:300]}")
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")
