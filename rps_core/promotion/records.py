"""The record of each model version, summed over the players whose games count."""

from collections.abc import Iterable
from typing import NamedTuple

from rps_core.game.families import Family
from rps_core.game.players import PlayerKind
from rps_core.promotion.statistics import wilson_lower_bound


class VersionPerformance(NamedTuple):
    """The results of one model version against one kind of player.

    Attributes:
        games: finished games that only this version played: wins + losses + ties, from the bot's side.
        predictions: rounds that it predicted, in any slot.
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
    """The results of a version against the kinds of players that count."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    predictions: int = 0
    correct: int = 0

    @property
    def decided_games(self) -> int:
        """Games won or lost; a tie does not show which side is better."""
        return self.wins + self.losses

    @property
    def win_rate(self) -> float:
        """Share of the decided games that the bot won; 0 without decided games."""
        return self.wins / self.decided_games if self.decided_games else 0.0

    @property
    def accuracy(self) -> float | None:
        """Share of correct predictions; None without predictions."""
        return self.correct / self.predictions if self.predictions else None

    @property
    def accuracy_at_least(self) -> float:
        """Lower bound of the accuracy at 95 % confidence, for ranking challengers; 0 without correct predictions."""
        return wilson_lower_bound(self.correct, self.predictions)

    @property
    def accuracy_at_most(self) -> float:
        """Upper bound of the accuracy at 95 % confidence; 1 without wrong predictions."""
        return 1.0 - wilson_lower_bound(self.predictions - self.correct, self.predictions)


def records_by_version(
    performance: Iterable[VersionPerformance], family: Family, player_kinds: Iterable[str]
) -> dict[str, VersionRecord]:
    """Return the record of each version of a family, summed over the kinds of players that count."""
    counted, records = set(player_kinds), dict[str, VersionRecord]()
    for row in performance:
        if row.family == family and row.player_kind in counted:
            old = records.get(row.version, VersionRecord())
            added = (row.wins, row.losses, row.ties, row.predictions, row.correct)
            records[row.version] = VersionRecord(*(before + more for before, more in zip(old, added, strict=True)))
    return records
