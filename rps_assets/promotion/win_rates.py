"""The picture of the evidence: how often the newest versions won."""

from collections import Counter
from collections.abc import Sequence

from rps_assets.training.intervals import intervals_plot, rate_interval
from rps_core.game.families import FAMILIES, Family, version_number
from rps_core.promotion.records import VersionPerformance

VERSIONS_PER_FAMILY = 8


def newest_first(rows: Sequence[VersionPerformance]) -> list[VersionPerformance]:
    """Return the rows by family, the newest version first."""
    return sorted(rows, key=lambda row: (row.family, -version_number(row.version), row.player_kind))


def win_rates_plot(rows: Sequence[VersionPerformance]) -> bytes:
    """Draw the share of decided games that the newest versions won, over all players, with 95 % intervals."""
    won, decided = Counter[tuple[Family, str]](), Counter[tuple[Family, str]]()
    for row in rows:
        won[row.family, row.version] += row.wins
        decided[row.family, row.version] += row.wins + row.losses
    intervals = []
    for family in FAMILIES:
        versions = {version for known_family, version in decided if known_family == family}
        played = [version for version in versions if decided[family, version]]
        for version in sorted(played, key=lambda version: (-version_number(version), version))[:VERSIONS_PER_FAMILY]:
            games = decided[family, version]
            intervals.append(rate_interval(f"{family} v{version} ({games})", won[family, version], games))
    return intervals_plot(intervals, "Decided games won", "won by the bot", 0.5)
