"""Counts of predictions, from the rows of their rounds and from the table of earlier releases.

A round holds the predictions of its four slots, so one pass over the rounds groups them by all four predictors at once,
and the groups are taken apart here. There are few of them: a slot changes its model some times a day.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, literal, or_, select

from rps_core.game.families import ALIASES, Alias
from rps_core.store.game_rows import Predictor
from rps_core.store.schema import SLOT_COLUMNS, earlier_predictions, events, games, predictors
from rps_core.store.totals import VersionKey

_EARLIER_OF_ROUND = (earlier_predictions.c.game_id == events.c.game_id) & (
    earlier_predictions.c.step_no == events.c.step_no
)
_EVERYWHERE = literal(1)


class Made(NamedTuple):
    """Grouping key of predictions; `in_window` is what the caller asked for."""

    model_type: str
    model_version: str
    run_id: str
    alias: str
    player_kind: str
    correct: bool
    in_window: bool


def made_predictions(
    connection: Connection, chosen: Sequence[ColumnElement[bool]], in_window: ColumnElement[int] = _EVERYWHERE
) -> Counter[Made]:
    """Count the predictions in the chosen rounds.

    Args:
        connection: the store.
        chosen: conditions on `events` and `games`.
        in_window: 1 or 0 for each round.
    """
    found: Counter[Made] = Counter()
    known = {number: Predictor(*values) for number, *values in connection.execute(select(predictors))}
    for row in connection.execute(_packed(in_window).where(*chosen)):
        for key, number in _taken_apart(row, known):
            found[key] += number
    if connection.scalar(select(exists().select_from(earlier_predictions))):
        for row in connection.execute(_earlier(in_window).where(*chosen)):
            family, version, run_id, alias, kind, correct, window, number = row
            found[Made(family, version, run_id, alias, kind, bool(correct), bool(window))] += number
    return found


def by_version(made: Mapping[Made, int]) -> Counter[VersionKey]:
    """Return the counts of each model, in any slot."""
    found: Counter[VersionKey] = Counter()
    for key, number in made.items():
        found[VersionKey(key.model_type, key.model_version, key.run_id, key.player_kind, key.correct)] += number
    return found


def has_predictions(game_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Accept games in which a model predicted."""
    packed = or_(*(events.c[names.model].is_not(None) for names in SLOT_COLUMNS.values()))
    return or_(
        exists().where(events.c.game_id == game_id, packed), exists().where(earlier_predictions.c.game_id == game_id)
    )


def _packed(in_window: ColumnElement[int]) -> Select[Any]:
    columns = [games.c.player_kind, in_window.label("in_window")]
    for alias in ALIASES:
        columns += [events.c[SLOT_COLUMNS[alias].model], _correct(alias).label(f"{alias}_correct")]
    # Grouped by name: PostgreSQL treats the same expression with other parameters as a different one.
    return select(*columns, func.count()).select_from(events.join(games)).group_by(*(c.name for c in columns))


def _correct(alias: Alias) -> ColumnElement[int]:
    """Return 1 if the slot's most probable move is the user's; ties go to the first move, as in `most_probable`."""
    names, user_move = SLOT_COLUMNS[alias], events.c.user_move
    rock, paper, scissors = events.c[names.p_rock], events.c[names.p_paper], events.c[names.p_scissors]
    right = or_(
        and_(user_move == "rock", rock >= paper, rock >= scissors),
        and_(user_move == "paper", paper > rock, paper >= scissors),
        and_(user_move == "scissors", scissors > rock, scissors > paper),
    )
    return case((right, 1), else_=0)


def _taken_apart(row: Sequence[Any], known: Mapping[int, Predictor]) -> Iterator[tuple[Made, int]]:
    kind, in_window, *slots, number = row
    for alias, (predictor, correct) in zip(ALIASES, zip(slots[::2], slots[1::2], strict=True), strict=True):
        if predictor is not None:
            yield Made(*known[predictor], alias, kind, bool(correct), bool(in_window)), number


def _earlier(in_window: ColumnElement[int]) -> Select[Any]:
    row = earlier_predictions.c
    columns = (row.model_type, row.model_version, row.run_id, row.alias, games.c.player_kind, row.correct)
    made = select(*columns, in_window.label("in_window"), func.count())
    # Both databases make it an inner join if a condition names the round.
    played = earlier_predictions.join(games).outerjoin(events, _EARLIER_OF_ROUND)
    return made.select_from(played).group_by(*columns, "in_window")
