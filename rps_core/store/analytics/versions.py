"""Results of each model version in play: games from an index, predictions from the settled totals.

Counting millions of predictions takes seconds, so this module counts only those after the watermark of the settled
totals. If nothing is settled yet, it counts all of them.
"""

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from rps_core.promotion.records import VersionPerformance
from rps_core.store.analytics.made import by_version, made_predictions
from rps_core.store.counting import counts_for_versions
from rps_core.store.schema import events, games
from rps_core.store.settled_totals import settled_versions
from rps_core.store.totals import VersionKey


def version_performance(connection: Connection) -> list[VersionPerformance]:
    """Return the results of each model version by kind of player, without test games and recordings.

    Games in which the model changed do not belong to a version and are left out. Results count for a version in any
    slot and at any time.
    """
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for row in connection.execute(_game_results()):
        found.setdefault((row.model_type, row.version, row.player_kind), Counter())[row.winner] += row.total
    for key, number in version_predictions(connection).items():
        counts = found.setdefault((key.family, key.version, key.player_kind), Counter())
        counts["predictions"] += number
        counts["correct"] += number if key.correct else 0
    return [
        VersionPerformance(
            family,  # type: ignore[arg-type]
            version,
            kind,  # type: ignore[arg-type]
            games=counts["bot"] + counts["user"] + counts["tie"],
            wins=counts["bot"],
            losses=counts["user"],
            ties=counts["tie"],
            predictions=counts["predictions"],
            correct=counts["correct"],
        )
        for (family, version, kind), counts in sorted(found.items())
    ]


def version_predictions(connection: Connection) -> Counter[VersionKey]:
    """Count the predictions in games that count, by model and kind of player."""
    watermark, settled = settled_versions(connection)
    if not watermark:
        return predictions_by_version(connection, counts_for_versions())
    last = connection.scalar(select(func.max(events.c.id))) or 0
    return settled + by_version(made_predictions(connection, predicted_between(watermark, last)))


def predictions_by_version(connection: Connection, *chosen: ColumnElement[bool]) -> Counter[VersionKey]:
    """Count the predictions in the chosen games, row by row."""
    return by_version(made_predictions(connection, chosen))


def predicted_between(after: int, until: int) -> list[ColumnElement[bool]]:
    """Return the conditions for predictions that count for their version, in rounds with ids in a range."""
    # With only one bound, SQLite reads all games instead of these rounds.
    return [counts_for_versions(), events.c.id > after, events.c.id <= until]


def _game_results() -> Select[Any]:
    columns = (games.c.model_type, games.c.bot_model_version.label("version"), games.c.player_kind, games.c.winner)
    return (
        select(*columns, func.count().label("total"))
        .where(
            counts_for_versions(),
            games.c.winner.is_not(None),
            games.c.model_switched == 0,
            games.c.bot_model_run_id.is_not(None),
        )
        .group_by(games.c.model_type, games.c.bot_model_version, games.c.player_kind, games.c.winner)
    )
