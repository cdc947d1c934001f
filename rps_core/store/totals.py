"""Running totals: their grouping keys, their sums, and their form in JSON.

The keys are columns that no later round changes: those of a stored round, and those of a finished game.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec


class RoundKey(NamedTuple):
    """Grouping key of rounds; `result` is the user's."""

    policy: str
    family: str
    alias: str
    player_kind: str
    easy_mode: bool
    probability_source: str
    result: str
    bot_move: str


class GameKey(NamedTuple):
    """Grouping key of finished games; `winner` is user, bot or tie."""

    policy: str
    family: str
    alias: str
    version: str
    player_kind: str
    easy_mode: bool
    model_switched: bool
    winner: str


class PredictionKey(NamedTuple):
    """Grouping key of predictions: the slot that made them, and the kind of player."""

    family: str
    alias: str
    player_kind: str
    correct: bool


class VersionKey(NamedTuple):
    """Grouping key of the predictions of all time: the model that made them, in any slot, and the kind of player."""

    family: str
    version: str
    run_id: str
    player_kind: str
    correct: bool


class StartKey(NamedTuple):
    """Grouping key of started games: the slot that was drawn for them."""

    family: str
    alias: str


class Totals(NamedTuple):
    """Numbers of rounds, started games, finished games and predictions.

    Attributes:
        started: a game starts with its first round.
        minutes: rounds of the last eight days, by minute.
        versions: predictions by model; they count at any time, not only in the window.
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
        """Return the number of rounds since a moment of the last week, to the minute."""
        first = minute_of(moment)
        return sum(rounds for minute, rounds in self.minutes.items() if minute >= first)


NOTHING = Totals(Counter(), Counter(), Counter(), Counter(), Counter(), Counter())

_Key = TypeVar("_Key", RoundKey, StartKey, GameKey, PredictionKey, VersionKey)


def counter_of(kind: type[_Key], rows: Iterable[Any]) -> Counter[_Key]:
    """Return a counter from rows of a key's fields and a number; rows with the same key add up."""
    found: Counter[_Key] = Counter()
    for *fields, number in rows:
        found[kind(*fields)] += number
    return found


def minute_of(moment: datetime) -> str:
    """Return the minute of a moment in UTC, like ``2026-11-25T12:03``."""
    return moment.astimezone(UTC).isoformat(timespec="minutes")[:16]


def encode_totals(totals: Totals) -> str:
    """Return totals as JSON: for each field, rows of the key and the number."""
    rows = {name: [[*key, n] for key, n in counts.items()] for name, counts in totals._asdict().items()}
    return msgspec.json.encode(rows | {"minutes": dict(totals.minutes)}).decode()


def decode_totals(text: str) -> Totals:
    """Return the totals that `encode_totals` wrote.

    Raises:
        ValueError: the text does not hold totals of this release.
    """
    counts = _decoded(text, dict[str, Any])
    try:
        return Totals(
            counter_of(RoundKey, counts["rounds"]),
            counter_of(StartKey, counts["started"]),
            counter_of(GameKey, counts["games"]),
            counter_of(PredictionKey, counts["predictions"]),
            Counter(counts["minutes"]),
            counter_of(VersionKey, counts["versions"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the stored totals are not those of this release: {error}") from error


class _Versions(msgspec.Struct):
    versions: list[tuple[str, str, str, str, bool, int]]


def decode_versions(text: str) -> Counter[VersionKey]:
    """Return only the `versions` of totals in JSON.

    Raises:
        ValueError: the text does not hold totals of this release.
    """
    return counter_of(VersionKey, _decoded(text, _Versions).versions)


_Decoded = TypeVar("_Decoded")


def _decoded(text: str, kind: type[_Decoded]) -> _Decoded:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(f"the stored totals are not those of this release: {error}") from error
