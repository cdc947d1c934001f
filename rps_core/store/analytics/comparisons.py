"""Games and predictions of configurations, for promotion decisions.

A game knows the run of its model. The stored manifest of a run names its configuration and its dataset. The queries
read the games of the open comparison and the newest versions, never the whole store.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from rps_core.game.families import Alias, Family
from rps_core.promotion.comparison import ComparedGame, Counts, OpenComparison, PlayerGroup, count_games, settle
from rps_core.promotion.ledger_entry import ComparedConfigurations
from rps_core.promotion.policy import CHALLENGERS
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.standing import SlotContent
from rps_core.store.analytics.versions import version_predictions
from rps_core.store.counting import counts_for_versions
from rps_core.store.schema import games, models

# Versions whose predictions rank challengers: 250 trainings of all four slots.
VERSIONS_RANKED = 1_000


class _Dataset(msgspec.Struct, frozen=True):
    fingerprint: str


class _Manifest(msgspec.Struct, frozen=True):
    """The part of a manifest that identifies configuration and generation; decoding all of it takes much longer."""

    configuration_id: str
    dataset: _Dataset


_decode = msgspec.json.Decoder(_Manifest).decode


class JudgedGames(NamedTuple):
    """The finished games of one version in a comparison, ties included.

    Attributes:
        dataset: fingerprint of the dataset that the version was trained on.
        first_game, last_game: ids of the games that started first and last.
    """

    side: str
    version: str
    configuration: str
    dataset: str
    games: int
    first_game: str
    last_game: str


class ReadComparison(NamedTuple):
    """A comparison with the counts of all its games; the next decision goes on from `comparison`."""

    comparison: OpenComparison
    counts: Counts


def read_comparison(
    connection: Connection, family: Family, comparison: OpenComparison, now: datetime
) -> ReadComparison:
    """Count the games of a comparison."""
    found = compared_games(connection, family, comparison)
    return ReadComparison(settle(comparison, found, now), count_games(comparison, found, now))


def compared_games(connection: Connection, family: Family, comparison: OpenComparison) -> list[ComparedGame]:
    """Return the games of a comparison that still have to be read, in the order in which they started.

    A game belongs to the version that it started with. Games in which the model changed are left out, and so are games
    of other configurations, for example those that started just before the API followed a swap.
    """
    columns = games.c
    query = (
        select(
            columns.created_ts_utc,
            columns.finished_ts,
            columns.bot_model_alias,
            columns.bot_model_run_id,
            columns.player_kind,
            columns.winner,
        )
        .where(_is_compared(family, comparison.read_from))
        .order_by(columns.created_ts_utc, columns.id)
    )
    found = []
    for row, origin in _of_configurations(connection, connection.execute(query).all(), comparison):
        started_at, finished_at, alias, _, kind, winner = row
        found.append(ComparedGame(started_at, finished_at, alias, origin.dataset.fingerprint, kind, winner))
    return found


def first_compared_at(connection: Connection, family: Family, held: Mapping[Alias, str]) -> datetime | None:
    """Return when the first game of Production or B with the configuration that it holds started, or None before it."""
    query = select(models.c.run_id, models.c.manifest_json).where(models.c.model_type == family)
    configurations = {run_id: _decode(text).configuration_id for run_id, text in connection.execute(query)}
    columns = games.c
    sides = [
        and_(columns.bot_model_alias == alias, columns.bot_model_run_id.in_(runs))
        for alias, configuration in held.items()
        if (runs := [run_id for run_id, trained in configurations.items() if trained == configuration])
    ]
    if not sides:
        return None
    started = columns.created_ts_utc
    return connection.scalar(select(started).where(_is_compared(family), or_(*sides)).order_by(started).limit(1))


def judged_games(
    connection: Connection, family: Family, judged: ComparedConfigurations, until: datetime
) -> list[JudgedGames]:
    """Return the games that a decision judged, by version, the newest version first.

    Reads all games of the comparison, so call it only for a decision that moves something.

    Args:
        connection: the gameplay store.
        family: the family of the decision.
        judged: the comparison.
        until: when it was decided.
    """
    columns = games.c
    version = columns.bot_model_run_id, columns.bot_model_alias
    oldest = func.first_value(columns.id).over(order_by=(columns.created_ts_utc, columns.id), partition_by=version)
    newest = func.first_value(columns.id).over(
        order_by=(columns.created_ts_utc.desc(), columns.id.desc()), partition_by=version
    )
    played = columns.bot_model_alias, columns.bot_model_version, columns.bot_model_run_id
    query = select(*played, func.count().over(partition_by=version), oldest, newest).distinct()
    query = query.where(
        _is_compared(family, judged.started_at),
        columns.finished_ts <= until,
        columns.player_kind.in_(judged.players.split(",")),
    )
    found = []
    for row, origin in _of_configurations(connection, connection.execute(query).all(), judged):
        side, version_no, _, number, first, last = row
        configuration, dataset = origin.configuration_id, origin.dataset.fingerprint
        found.append(JudgedGames(side, version_no, configuration, dataset, number, first, last))
    return sorted(found, key=lambda one: (one.version.zfill(12), one.side), reverse=True)


def _is_compared(family: Family, since: datetime | None = None) -> ColumnElement[bool]:
    """Accept games of Production and B in which the model did not change."""
    columns = games.c
    return and_(
        columns.model_type == family,
        true() if since is None else columns.created_ts_utc >= since,
        columns.bot_model_alias.in_(("Production", "B")),
        columns.bot_model_run_id.is_not(None),
        columns.model_switched == 0,
        counts_for_versions(),
    )


def configuration_accuracies(
    connection: Connection, family: Family, slots: Mapping[Alias, SlotContent], group: PlayerGroup
) -> dict[Alias, VersionRecord]:
    """Return the predictions of the configuration in each slot, over the generations that all challengers share.

    Every slot predicts every round of its family, so the configurations are judged by the same rounds.
    """
    versions = _newest_versions(connection, family)
    generations = [
        {one.dataset.fingerprint for one in versions.values() if one.configuration_id == slots[alias].configuration}
        for alias in CHALLENGERS
        if alias in slots
    ]
    shared = set.intersection(*generations) if generations else set()
    right, made = Counter[str](), Counter[str]()
    kinds = group.split(",")
    for key, number in version_predictions(connection).items():
        manifest = versions.get(key.run_id)
        if key.family == family and key.player_kind in kinds and manifest and manifest.dataset.fingerprint in shared:
            made[manifest.configuration_id] += number
            right[manifest.configuration_id] += number if key.correct else 0
    return {
        alias: VersionRecord(predictions=made[content.configuration], correct=right[content.configuration])
        for alias, content in slots.items()
    }


def _of_configurations(
    connection: Connection, rows: Sequence[Any], compared: OpenComparison | ComparedConfigurations
) -> Iterator[tuple[Any, _Manifest]]:
    """Yield the rows of games whose model has the configuration that its side had, each with its origin."""
    origins = _origins(connection, {row.bot_model_run_id for row in rows})
    wanted = {"Production": compared.production, "B": compared.b}
    for row in rows:
        origin = origins.get(row.bot_model_run_id)
        if origin is not None and origin.configuration_id == wanted[row.bot_model_alias]:
            yield row, origin


def _origins(connection: Connection, run_ids: set[str]) -> dict[str, _Manifest]:
    query = select(models.c.run_id, models.c.manifest_json).where(models.c.run_id.in_(run_ids))
    return {run_id: _decode(text) for run_id, text in connection.execute(query)}


def _newest_versions(connection: Connection, family: Family) -> dict[str, _Manifest]:
    query = select(models.c.run_id, models.c.manifest_json).where(models.c.model_type == family)
    rows = connection.execute(query.order_by(models.c.first_served_ts.desc()).limit(VERSIONS_RANKED))
    return {run_id: _decode(text) for run_id, text in rows}
