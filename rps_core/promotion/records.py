"""What each model version achieved, summed over the players whose games count."""

from collections.abc import Iterable
from typing import NamedTuple

from rps_core.game.families import Family
from rps_core.game.players import PlayerKind
from rps_core.promotion.statistics import wilson_lower_bound


class VersionPerformance(NamedTuple):
    """What one model version achieved in play, for one kind of player.

    Attributes:
        games: finished games it played alone, from the bot's side wins + losses + ties.
        predictions: rounds in which it predicted, in whatever slot.
        correct: predictions whose most probable move was played.
    """

    family: Family
    version: str
    player_kind: PlayerKind
    games: int
    wins: int
    losses: int
    ties: int
    predictions: int
    correct: int


class VersionRecord(NamedTuple):
    """What a version achieved over the counted kinds of players."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    predictions: int = 0
    correct: int = 0

    @property
    def decided_games(self) -> int:
        """Games won or lost: a tie says nothing about which side is better."""
        return self.wins + self.losses

    @property
    def win_rate(self) -> float:
        """Share of the decided games that the bot won; 0 without games."""
        return self.wins / self.decided_games if self.decided_games else 0.0

    @property
    def accuracy(self) -> float | None:
        """Share of correct predictions; None without predictions."""
        return self.correct / self.predictions if self.predictions else None

    @property
    def accuracy_at_least(self) -> float:
        """What the accuracy is at least with 95 per cent confidence, by which challengers are ranked; 0 without any."""
        return wilson_lower_bound(self.correct, self.predictions)


def records_by_version(
    performance: Iterable[VersionPerformance], family: Family, player_kinds: Iterable[str]
) -> dict[str, VersionRecord]:
    """Sum what each version of a family achieved over the counted kinds of players."""
    counted, records = set(player_kinds), dict[str, VersionRecord]()
    for row in performance:
        if row.family == family and row.player_kind in counted:
            old = records.get(row.version, VersionRecord())
            added = (row.wins, row.losses, row.ties, row.predictions, row.correct)
            records[row.version] = VersionRecord(*(have + more for have, more in zip(old, added, strict=True)))
    return records


def games_left_out(
    performance: Iterable[VersionPerformance],
    family: Family,
    versions: Iterable[str | None],
    player_kinds: Iterable[str],
) -> dict[str, int]:
    """Return how many finished games these versions played with players who do not count, by kind of player."""
    counted, contestants, left_out = set(player_kinds), set(versions), dict[str, int]()
    for row in performance:
        if row.family == family and row.version in contestants and row.player_kind not in counted and row.games:
            left_out[row.player_kind] = left_out.get(row.player_kind, 0) + row.games
    return left_out
