"""What running totals are told apart by, their sums, and the JSON in which they are kept.

The keys are those that no later round changes: columns of a stored round, and of a game once it is finished.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec


class RoundKey(NamedTuple):
    """What rounds are told apart by; `result` is the user's, `bot_move` the move the bot chose."""

    policy: str
    family: str
    alias: str
    player_kind: str
    easy_mode: bool
    probability_source: str
    result: str
    bot_move: str


class GameKey(NamedTuple):
    """What finished games are told apart by; `winner` is user, bot or tie."""

    policy: str
    family: str
    alias: str
    version: str
    player_kind: str
    easy_mode: bool
    model_switched: bool
    winner: str


class PredictionKey(NamedTuple):
    """What predictions are told apart by: the slot that made them, and for whom."""

    family: str
    alias: str
    player_kind: str
    correct: bool


class VersionKey(NamedTuple):
    """What the predictions of all time are told apart by: the model that made them, in whatever slot, and for whom."""

    family: str
    version: str
    run_id: str
    player_kind: str
    correct: bool


class StartKey(NamedTuple):
    """What begun games are told apart by: the slot that was drawn for them."""

    family: str
    alias: str


class Totals(NamedTuple):
    """Numbers of rounds, begun games, finished games and predictions.

    A game has begun with its first round; `minutes` are rounds by minute over the last eight days. `versions` alone
    knows no window: what a model achieved before counts for it as well.
    """

    rounds: Counter[RoundKey]
    started: Counter[StartKey]
    games: Counter[GameKey]
    predictions: Counter[PredictionKey]
    minutes: Counter[str]
    versions: Counter[VersionKey]

    def plus(self, other: "Totals") -> "Totals":
        """Return the sum, number by number."""
        return Totals(
            self.rounds + other.rounds,
            self.started + other.started,
            self.games + other.games,
            self.predictions + other.predictions,
            self.minutes + other.minutes,
            self.versions + other.versions,
        )

    def rounds_since(self, moment: datetime) -> int:
        """Return how many rounds were played since a moment of the last week, to the minute."""
        first = minute_of(moment)
        return sum(rounds for minute, rounds in self.minutes.items() if minute >= first)


NOTHING = Totals(Counter(), Counter(), Counter(), Counter(), Counter(), Counter())

_Key = TypeVar("_Key", RoundKey, StartKey, GameKey, PredictionKey, VersionKey)


def counter_of(kind: type[_Key], rows: Iterable[Any]) -> Counter[_Key]:
    """Return a counter from rows that hold the fields of a key and then a number; rows of one key add up."""
    found: Counter[_Key] = Counter()
    for *fields, number in rows:
        found[kind(*fields)] += number
    return found


def minute_of(moment: datetime) -> str:
    """Return the minute of a moment in UTC, like ``2026-11-25T12:03``."""
    return moment.astimezone(UTC).isoformat(timespec="minutes")[:16]


def encode_totals(totals: Totals) -> str:
    """Return totals as JSON: for each kind, rows of its key and the number."""
    rows = {name: [[*key, n] for key, n in counts.items()] for name, counts in totals._asdict().items()}
    return msgspec.json.encode(rows | {"minutes": dict(totals.minutes)}).decode()


def decode_totals(text: str) -> Totals:
    """Return the totals that `encode_totals` wrote.

    Raises:
        ValueError: the text is no totals of this release.
    """
    told = _decoded(text, dict[str, Any])
    try:
        return Totals(
            counter_of(RoundKey, told["rounds"]),
            counter_of(StartKey, told["started"]),
            counter_of(GameKey, told["games"]),
            counter_of(PredictionKey, told["predictions"]),
            Counter(told["minutes"]),
            counter_of(VersionKey, told["versions"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are no totals of this release: {error}") from error


class _Versions(msgspec.Struct):
    versions: list[tuple[str, str, str, str, bool, int]]


def decode_versions(text: str) -> Counter[VersionKey]:
    """Return only the `versions` of totals in JSON.

    Raises:
        ValueError: the text is no totals of this release.
    """
    return counter_of(VersionKey, _decoded(text, _Versions).versions)


_Told = TypeVar("_Told")


def _decoded(text: str, kind: type[_Told]) -> _Told:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(f"these are no totals of this release: {error}") from error
