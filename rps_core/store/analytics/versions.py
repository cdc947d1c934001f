"""Results of each model version in play: games from an index, predictions from the settled totals.

Counting millions of predictions takes seconds, so this module counts only those after the watermark of the settled
totals. If nothing is settled yet, it counts all of them.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from rps_core.promotion.records import VersionPerformance
from rps_core.store.counting import counts_for_statistics, counts_for_versions
from rps_core.store.schema import events, games, predictions
from rps_core.store.settled_totals import settled_versions
from rps_core.store.totals import VersionKey, counter_of

_MADE_IN = (predictions.c.game_id == events.c.game_id) & (predictions.c.step_no == events.c.step_no)
_VERSION = (
    predictions.c.model_type,
    predictions.c.model_version,
    predictions.c.run_id,
    games.c.player_kind,
    predictions.c.correct,
)


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
    newer = select(*_VERSION, func.count()).select_from(events.join(games).join(predictions, _MADE_IN))
    chosen = newer.where(*predicted_between(watermark, last)).group_by(*_VERSION)
    return settled + counter_of(VersionKey, connection.execute(chosen))


def predictions_by_version(connection: Connection, *chosen: ColumnElement[bool]) -> Counter[VersionKey]:
    """Count the predictions in the chosen games, row by row."""
    every = select(*_VERSION, func.count()).select_from(predictions.join(games)).where(*chosen)
    return counter_of(VersionKey, connection.execute(every.group_by(*_VERSION)))


def select_predictions(since: datetime) -> Select[Any]:
    """Select family, version, run, kind of player, correct, alias, whether created since a moment, and the number."""
    in_window = case((counts_for_statistics() & (games.c.created_ts_utc >= since), 1), else_=0).label("in_window")
    columns = (*_VERSION, predictions.c.alias)
    made = select(*columns, in_window, func.count()).select_from(events.join(games).join(predictions, _MADE_IN))
    # Grouped by name: PostgreSQL treats the same expression with other parameters as a different one.
    return made.group_by(*columns, "in_window")


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
