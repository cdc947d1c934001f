"""Scripted players as clients of the API: they play whole games over HTTP, as a browser would.

Which games are played is a plain plan; what a player draws depends on the seed and the game's place in the plan alone,
never on the order in which games happen to end.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, Literal, NamedTuple, TypeAlias

import httpx

from rps_core.errors import RpsError
from rps_core.moves import MOVES, Move, parse_move
from rps_core.opponents import POLICIES
from rps_core.scoring import PlayedRound, Points, round_points
from rps_core.scripted_players import SCRIPTED_PLAYERS, decide, display_name, from_user_side

Result: TypeAlias = Literal["user", "bot", "tie", "timeout", "error"]
Progress: TypeAlias = Callable[[int, int], None]

# Plays uniformly at random, beside the eight.
RANDOM_PLAYER = "random"
# Twice the longest possible game: a server that never ends a game must not hold the session.
MAX_REQUESTED_ROUNDS = 60
REQUEST_TIMEOUT_SECONDS = 30.0
DEFAULT_CONCURRENCY = 8
# A killed API is back within seconds; together these pauses wait half a minute for it.
RETRY_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
# Too fast, or not there for a moment.
RETRIED_STATUS = frozenset({429, 502, 503, 504})


class SimulationError(RpsError):
    """A game cannot be played on: the API refuses, contradicts the rules, or is gone."""


class PlannedGame(NamedTuple):
    """One game to play; `number` is its place in the plan, from 0."""

    number: int
    player: str
    policy: str


class GameOutcome(NamedTuple):
    """How a game ended.

    Attributes:
        rounds: rounds played.
        alias: alias that the API drew for the game, where it started.
        sources: rounds by where the bot's probabilities came from.
        problem: why the game is an error; empty otherwise.
    """

    game: PlannedGame
    result: Result
    rounds: int
    alias: str | None
    sources: Counter[str]
    problem: str = ""


class SimulationReport(NamedTuple):
    """What a session of scripted play came to; `str()` of it is the report for people."""

    outcomes: tuple[GameOutcome, ...]

    def games_with(self, result: Result) -> int:
        """Return how many games had this result."""
        return sum(outcome.result == result for outcome in self.outcomes)

    @property
    def by_opponent(self) -> dict[str, Counter[str]]:
        """Results of each opponent's games."""
        return self._grouped(lambda outcome: outcome.game.policy)

    @property
    def by_alias(self) -> dict[str, Counter[str]]:
        """Results of the games that each alias played."""
        return self._grouped(lambda outcome: outcome.alias or "none")

    @property
    def sources(self) -> Counter[str]:
        """Rounds by where the bot's probabilities came from."""
        return sum((outcome.sources for outcome in self.outcomes), Counter())

    @property
    def problems(self) -> tuple[str, ...]:
        """The distinct reasons of errors, most frequent first."""
        counted = Counter(outcome.problem for outcome in self.outcomes if outcome.problem)
        return tuple(problem for problem, _ in counted.most_common())

    def _grouped(self, key: Callable[[GameOutcome], str]) -> dict[str, Counter[str]]:
        groups: dict[str, Counter[str]] = {}
        for outcome in self.outcomes:
            groups.setdefault(key(outcome), Counter())[outcome.result] += 1
        return dict(sorted(groups.items()))

    def __str__(self) -> str:
        total: Counter[str] = Counter(outcome.result for outcome in self.outcomes)
        lines = [_row("", "games", "player", "bot", "ties", "timeouts", "errors", "player wins")]
        lines += [_counted(f"against {policy}", counts) for policy, counts in self.by_opponent.items()]
        lines += [_counted(f"alias {alias}", counts) for alias, counts in self.by_alias.items()]
        lines.append(_counted("all", total))
        lines.append("rounds by source: " + (", ".join(f"{n} {s}" for s, n in self.sources.most_common()) or "none"))
        lines += [f"error: {problem}" for problem in self.problems[:5]]
        return "\n".join(lines)


def _row(*cells: object) -> str:
    first, *rest = cells
    return f"{first!s:<20}" + "".join(f"{cell!s:>{width}}" for cell, width in zip(rest, _WIDTHS, strict=True)).rstrip()


_WIDTHS = (7, 8, 7, 7, 10, 8, 13)


def _counted(label: str, counts: Counter[str]) -> str:
    decided = counts["user"] + counts["bot"] + counts["tie"]
    share = f"{counts['user'] / decided:.1%}" if decided else "-"
    order = ("user", "bot", "tie", "timeout", "error")
    return _row(label, counts.total(), *(counts[result] for result in order), share)


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
) -> SimulationReport:
    """Play the plan against the API at `base_url` and report; a game that fails counts as an error.

    Args:
        base_url: address of the API.
        plan: the games.
        seed: seed of what the players draw.
        progress: called with the number of games done and planned, after each game.
        concurrency: games under way at the same time.
    """
    return asyncio.run(play_games_async(base_url, plan, seed=seed, progress=progress, concurrency=concurrency))


async def play_games_async(
    base_url: str,
    plan: Sequence[PlannedGame],
    *,
    seed: int,
    progress: Progress | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
) -> SimulationReport:
    """Play the plan like `play_games`, inside a running event loop; cancelling it stops between two requests."""
    outcomes: list[GameOutcome] = []
    waiting = iter(plan)
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(base_url=base_url, timeout=REQUEST_TIMEOUT_SECONDS, limits=limits) as client:

        async def work_through() -> None:
            for game in waiting:
                random = Random(f"{seed}:{game.number}")  # noqa: S311  # repeatable play, not a secret
                outcomes.append(await _play_game(client, game, random))
                if progress is not None:
                    progress(len(outcomes), len(plan))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(plan))):
                group.create_task(work_through())
    return SimulationReport(tuple(sorted(outcomes, key=lambda outcome: outcome.game.number)))


async def _play_game(client: httpx.AsyncClient, game: PlannedGame, random: Random) -> GameOutcome:
    rounds: list[PlayedRound] = []
    sources: Counter[str] = Counter()
    alias: str | None = None
    try:
        started = await _post(
            client,
            "/start_game",
            {"player_name": display_name(game.player), "policy": game.policy, "player_kind": "scripted"},
        )
        game_id, alias = str(started["game_id"]), started.get("bot_model_alias")
        for round_no in range(1, MAX_REQUESTED_ROUNDS + 1):
            # Anyone can work the points out; the reply confirms them below, which saves a request a round.
            points = round_points(game_id, round_no)
            move = choose_move(game.player, rounds, points, random)
            reply = await _post(client, "/play", {"game_id": game_id, "user_move": move, "round": round_no})
            rounds.append(read_round(reply, round_no, points, move))
            sources[str((reply.get("model_info") or {}).get("probability_source") or "unknown")] += 1
            if reply["finished"]:
                return GameOutcome(game, _winner(reply["winner"]), len(rounds), alias, sources)
    except (httpx.HTTPError, RpsError, AttributeError, KeyError, TypeError, ValueError) as error:
        problem = str(error) if isinstance(error, RpsError) else f"{type(error).__name__}: {error}"
        return GameOutcome(game, "error", len(rounds), alias, sources, problem)
    return GameOutcome(game, "timeout", len(rounds), alias, sources)


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
