"""Scripted players as clients of the API: they play whole games over HTTP, as a browser would.

Which games are played is a plain plan; what a player draws depends on the seed and the game's place in the plan alone,
never on the order in which games happen to end.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, NamedTuple, TypeAlias

import httpx

from rps_core.errors import RpsError
from rps_core.game.moves import MOVES, Move, parse_move
from rps_core.game.opponents import POLICIES
from rps_core.game.players import PlayerKind
from rps_core.game.scoring import PlayedRound, Points, play_round, round_points
from rps_core.simulation.report import GameOutcome, PlannedGame, Result, SimulationReport
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS, decide, display_name, from_user_side

Progress: TypeAlias = Callable[[int, int], None]
# Hears each reply of ``POST /play`` with the game it belongs to.
Listener: TypeAlias = Callable[[PlannedGame, dict[str, Any]], None]

# Plays uniformly at random, beside the eight.
RANDOM_PLAYER = "random"
# Twice the longest possible game: a server that never ends a game must not hold the session.
MAX_REQUESTED_ROUNDS = 60
REQUEST_TIMEOUT_SECONDS = 30.0
DEFAULT_CONCURRENCY = 8
# A killed API is back within seconds; together these pauses wait half a minute for it.
RETRY_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
SCORE_TOLERANCE_POINTS = 1e-6
# Too fast, or not there for a moment.
RETRIED_STATUS = frozenset({429, 502, 503, 504})


class SimulationError(RpsError):
    """A game cannot be played on: the API refuses, contradicts the rules, or is gone."""


class Manner(NamedTuple):
    """How a session is played.

    Attributes:
        player_kind: what the games are stored as; test games count nowhere.
        pause_seconds: pause after each round of a game.
        listener: hears each reply.
    """

    player_kind: PlayerKind = "scripted"
    pause_seconds: float = 0.0
    listener: Listener | None = None


SCRIPTED = Manner()


def plan_games(
    count: int, *, seed: int, players: Sequence[str] = SCRIPTED_PLAYERS, policies: Sequence[str] = POLICIES
) -> list[PlannedGame]:
    """Plan `count` games: every player meets every opponent once before any pair meets again.

    The seed draws the order of the pairs, so that a short session does not always leave out the same ones.
    """
    pairs = [(player, policy) for policy in policies for player in players]
    random = Random(f"{seed}:plan")  # noqa: S311  # a plan, not a secret
    planned: list[PlannedGame] = []
    while len(planned) < count:
        random.shuffle(pairs)
        planned += [PlannedGame(len(planned) + place, *pair) for place, pair in enumerate(pairs)]
    return planned[:count]


def play_games(
    base_url: str,
    plan: Sequence[PlannedGame],
    *,
    seed: int,
    progress: Progress | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
    manner: Manner = SCRIPTED,
) -> SimulationReport:
    """Play the plan against the API at `base_url` and report; a game that fails counts as an error.

    Args:
        base_url: address of the API.
        plan: the games.
        seed: seed of what the players draw.
        progress: called with the number of games done and planned, after each game.
        concurrency: games under way at the same time.
        manner: how they are played.
    """
    return asyncio.run(
        play_games_async(base_url, plan, seed=seed, progress=progress, concurrency=concurrency, manner=manner)
    )


async def play_games_async(
    base_url: str,
    plan: Sequence[PlannedGame],
    *,
    seed: int,
    progress: Progress | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
    manner: Manner = SCRIPTED,
) -> SimulationReport:
    """Play the plan like `play_games`, inside a running event loop; cancelling it stops between two requests."""
    outcomes: list[GameOutcome] = []
    waiting = iter(plan)
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(base_url=base_url, timeout=REQUEST_TIMEOUT_SECONDS, limits=limits) as client:

        async def work_through() -> None:
            for game in waiting:
                random = Random(f"{seed}:{game.number}")  # noqa: S311  # repeatable play, not a secret
                outcomes.append(await _play_game(client, game, random, manner))
                if progress is not None:
                    progress(len(outcomes), len(plan))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(plan))):
                group.create_task(work_through())
    return SimulationReport(tuple(sorted(outcomes, key=lambda outcome: outcome.game.number)))


async def _play_game(client: httpx.AsyncClient, game: PlannedGame, random: Random, manner: Manner) -> GameOutcome:
    log = _GameLog(game)
    try:
        started = await _post(
            client,
            "/start_game",
            {"player_name": display_name(game.player), "policy": game.policy, "player_kind": manner.player_kind},
        )
        log.game_id, log.alias = str(started["game_id"]), started.get("bot_model_alias")
        for round_no in range(1, MAX_REQUESTED_ROUNDS + 1):
            # Anyone can work the points out; the reply confirms them below, which saves a request a round.
            points = round_points(log.game_id, round_no)
            move = choose_move(game.player, log.rounds, points, random)
            reply = await _post(client, "/play", {"game_id": log.game_id, "user_move": move, "round": round_no})
            log.record(reply, read_round(reply, round_no, points, move))
            if manner.listener is not None:
                manner.listener(game, reply)
            if reply["finished"]:
                return log.outcome(_winner(reply["winner"]))
            await asyncio.sleep(manner.pause_seconds)
    except (httpx.HTTPError, RpsError, AttributeError, KeyError, TypeError, ValueError) as error:
        return log.outcome("error", str(error) if isinstance(error, RpsError) else f"{type(error).__name__}: {error}")
    return log.outcome("timeout")


class _GameLog:
    """What a game under way came to so far."""

    def __init__(self, game: PlannedGame) -> None:
        self.game = game
        self.game_id: str | None = None
        self.alias: str | None = None
        self.rounds: list[PlayedRound] = []
        self._counts = {name: Counter[str]() for name in ("sources", "round_results", "predicted", "correct")}

    def record(self, reply: dict[str, Any], played: PlayedRound) -> None:
        """Add a round.

        Raises:
            SimulationError: the scores are not those of the rules.
        """
        _require_scores(self.rounds, played, finished=bool(reply["finished"]))
        self.rounds.append(played)
        self._counts["sources"][str((reply.get("model_info") or {}).get("probability_source") or "unknown")] += 1
        self._counts["round_results"][played.result] += 1
        for alias, made in ((reply.get("debug") or {}).get("alias_predictions") or {}).items():
            self._counts["predicted"][alias] += 1
            self._counts["correct"][alias] += bool(made["correct"])

    def outcome(self, result: Result, problem: str = "") -> GameOutcome:
        """Return how the game ended."""
        return GameOutcome(
            self.game, result, len(self.rounds), self.alias, problem=problem, game_id=self.game_id, **self._counts
        )


def _require_scores(before: Sequence[PlayedRound], played: PlayedRound, *, finished: bool) -> None:
    user, bot = (before[-1].user_score, before[-1].bot_score) if before else (0.0, 0.0)
    ruled = play_round(user, bot, played.user_move, played.bot_move, played.points)
    told = (played.user_score, played.bot_score)
    # Scores travel as JSON numbers and come from a sum; a rounded one is no other score.
    near = all(abs(one - other) < SCORE_TOLERANCE_POINTS for one, other in zip(told, ruled[2:4], strict=True))
    # One that does not end when it should is a timeout in the end.
    if not near or (finished and not ruled.finished):
        raise SimulationError(
            f"round {played.round_no} was answered with the scores {told[0]} to {told[1]}"
            f"{' at the end' if finished else ''}; by the rules they are {ruled.user_score} to {ruled.bot_score}"
            f"{' at the end' if ruled.finished else ''}"
        )


def choose_move(player: str, rounds: Iterable[PlayedRound], points: Points, random: Random) -> Move:
    """Return the move of a scripted player, or a uniform one of the random player.

    Raises:
        SimulationError: there is no such player.
    """
    if player == RANDOM_PLAYER:
        return random.choice(MOVES)
    try:
        return decide(player, from_user_side(rounds), points, random)
    except KeyError as error:
        known = ", ".join((*SCRIPTED_PLAYERS, RANDOM_PLAYER))
        raise SimulationError(f"there is no scripted player {player[:40]!r}; choose one of {known}") from error


def read_round(reply: Any, round_no: int, points: Points, user_move: Move) -> PlayedRound:
    """Read the reply of ``POST /play``.

    Raises:
        SimulationError: it tells of another round, other points or another move than was played.
    """
    told = tuple(float(reply["round_points"][move]) for move in MOVES)
    if (int(reply["round"]), told, reply["user_move"]) != (round_no, points, user_move):
        raise SimulationError(
            f"the API answered {user_move} in round {round_no} worth {points} with {reply['user_move']} in round "
            f"{reply['round']} worth {told}; is it of another version?"
        )
    bot_move = parse_move(str(reply["bot_move"]))
    return PlayedRound(round_no, user_move, bot_move, points, float(reply["user_score"]), float(reply["bot_score"]))


def _winner(told: str) -> Result:
    if told == "user":
        return "user"
    if told == "bot":
        return "bot"
    if told == "tie":
        return "tie"
    raise SimulationError(f"the API named {told!r} as the winner; known are user, bot and tie")


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    """Post, and post the same again when the connection is lost: a repeated round is answered identically."""
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
