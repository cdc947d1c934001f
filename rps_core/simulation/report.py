"""Outcomes of simulated games, and the report on a session as text and as data."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

GameResult: TypeAlias = Literal["user", "bot", "tie", "timeout", "error"]
RESULTS: tuple[GameResult, ...] = get_args(GameResult)
# Sources of the rounds in which the bot had no model.
FALLBACK_SOURCES = frozenset({"fallback", "forced_fallback"})


class PlannedGame(NamedTuple):
    """A game to play; `number` is its position in the plan, from 0."""

    number: int
    player: str
    policy: str


class GameOutcome(NamedTuple):
    """The end of one game.

    Attributes:
        rounds: number of rounds played.
        alias: alias that the API drew for the game, or None if the game did not start.
        sources: number of rounds by the source of the bot's probabilities.
        round_results: number of rounds by result, from the player's side.
        predicted, correct: number of predictions by alias, and of those whose most probable move was played.
        game_id: id of the game, or None if it did not start.
        problem: the error, or an empty text.
    """

    game: PlannedGame
    result: GameResult
    rounds: int
    alias: str | None
    sources: Counter[str]
    round_results: Counter[str]
    predicted: Counter[str]
    correct: Counter[str]
    game_id: str | None
    problem: str = ""


class SimulationReport(NamedTuple):
    """The outcomes of a session of simulated games; `str()` of it is a table to read."""

    outcomes: tuple[GameOutcome, ...]

    def games_with(self, result: GameResult) -> int:
        """Return the number of games with this result."""
        return sum(outcome.result == result for outcome in self.outcomes)

    @property
    def by_opponent(self) -> dict[str, Counter[str]]:
        """Number of games by opponent and result."""
        return self._grouped(lambda outcome: outcome.game.policy)

    @property
    def by_alias(self) -> dict[str, Counter[str]]:
        """Number of games by alias and result."""
        return self._grouped(lambda outcome: outcome.alias or "none")

    @property
    def sources(self) -> Counter[str]:
        """Number of rounds by the source of the bot's probabilities."""
        return sum((outcome.sources for outcome in self.outcomes), Counter())

    @property
    def problems(self) -> tuple[str, ...]:
        """The distinct errors, most frequent first."""
        counted = Counter(outcome.problem for outcome in self.outcomes if outcome.problem)
        return tuple(problem for problem, _ in counted.most_common())

    @property
    def failed(self) -> bool:
        """Whether any game ended with an error or a timeout."""
        return bool(self.games_with("error") or self.games_with("timeout"))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        fallbacks = {
            policy: sum(
                number
                for outcome in self.outcomes
                if outcome.game.policy == policy
                for source, number in outcome.sources.items()
                if source in FALLBACK_SOURCES
            )
            for policy in self.by_opponent
        }
        return {
            "games": len(self.outcomes),
            "failed": self.failed,
            "by_opponent": {
                policy: _summary(counts) | {"fallback_rounds": fallbacks[policy]}
                for policy, counts in self.by_opponent.items()
            },
            "by_alias": {alias: _summary(counts) for alias, counts in self.by_alias.items()},
            "rounds_by_source": dict(self.sources),
            "problems": list(self.problems),
        }

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
    share = _player_share(counts)
    return _row(
        label, counts.total(), *(counts[result] for result in RESULTS), "-" if share is None else f"{share:.1%}"
    )


def _player_share(counts: Counter[str]) -> float | None:
    ended = counts["user"] + counts["bot"] + counts["tie"]
    return counts["user"] / ended if ended else None


def _summary(counts: Counter[str]) -> dict[str, Any]:
    share = _player_share(counts)
    return {"games": counts.total(), **{result: counts[result] for result in RESULTS}, "player_win_rate": share}
