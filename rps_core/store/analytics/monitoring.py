"""Queries of the reports on served models: predictions by run, games of a scripted player, manifests."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, select

from rps_core.game.families import Family, version_number
from rps_core.store.analytics.made import has_predictions
from rps_core.store.analytics.versions import predictions_by_version, version_predictions
from rps_core.store.counting import is_value_game, played_by_script
from rps_core.store.schema import games, models, predictions


class RunPredictions(NamedTuple):
    """Predictions of one run in play, without test games and recordings."""

    family: Family
    version: str
    run_id: str
    predictions: int
    correct: int


def predictions_by_run(connection: Connection, *, player_name: str | None = None) -> list[RunPredictions]:
    """Count the predictions of each run, newest version first; those for one scripted player if it is named."""
    if player_name is None:
        found = version_predictions(connection)
    else:
        found = predictions_by_version(connection, is_value_game(), played_by_script(player_name))
    runs: defaultdict[tuple[str, str, str], Counter[bool]] = defaultdict(Counter)
    for key, number in found.items():
        runs[key.family, key.version, key.run_id][bool(key.correct)] += number
    rows = [RunPredictions(cast(Family, run[0]), run[1], run[2], n.total(), n[True]) for run, n in runs.items()]
    return sorted(rows, key=lambda row: (row.family, -version_number(row.version), row.run_id))


def games_of_player(connection: Connection, player_name: str) -> list[str]:
    """Return the ids of all games of one scripted player."""
    return list(connection.scalars(select(games.c.id).where(played_by_script(player_name))))


def newest_predicted_games(connection: Connection, limit: int) -> list[str]:
    """Return the ids of the newest games with predictions, newest first."""
    query = (
        select(games.c.id)
        .where(
            is_value_game(),
            has_predictions(games.c.id),
        )
        .order_by(games.c.created_ts_utc.desc(), games.c.id)
        .limit(limit)
    )
    return list(connection.scalars(query))


def predictions_of_games(connection: Connection, game_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the stored predictions of some games, each as a mapping of columns."""
    query = select(predictions).where(predictions.c.game_id.in_(game_ids))
    return [dict(row._mapping) for row in connection.execute(query)]


def manifests_of_runs(connection: Connection) -> dict[str, str]:
    """Return the manifest of each model that ever played here, as JSON by run id."""
    rows = connection.execute(select(models.c.run_id, models.c.manifest_json))
    return {row.run_id: row.manifest_json for row in rows}
