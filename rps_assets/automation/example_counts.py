"""Counts of usable examples that the training sensor keeps in its cursor: a tick without new rounds counts nothing."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine

from rps_assets.automation.history import Trained
from rps_core.game.families import Family
from rps_core.settings import TrainingSettings
from rps_core.store.play_counts import store_state


class ExampleCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Usable examples, and what the counts depend on.

    Attributes:
        state: identifies store, settings and trainings; the other values hold as long as it stays the same.
        examples: before the first training, the examples of the selected games.
        first_game_at: before the first training, the creation time of the oldest selected game.
        new_examples: after it, the examples of each family in selected games newer than the newest trained game.
        base: identifies settings, trainings and the history of deletions, but no new rounds.
        people_before: examples of people's games that are no newer than the oldest training's newest game.
    """

    state: str = ""
    examples: int = 0
    first_game_at: datetime | None = None
    new_examples: dict[Family, int] = {}
    base: str = ""
    people_before: int = 0


def count_examples(
    store: Engine, training: TrainingSettings, trained: Mapping[Family, Trained] | None, known: ExampleCounts
) -> ExampleCounts:
    """Return the counts of now; they are `known` if nothing changed.

    Reads the games since the last training, newest first, and never more than fit into a training.
    """
    with store.connect() as connection:
        history, _, newest = store_state(connection).rpartition(":")
        facts = (training.model_dump_json(), sorted((trained or {}).items()), history)
        base = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
        if known.state == f"{base}:{newest}":
            return known
        counts = ExampleCounts(state=f"{base}:{newest}", base=base)
        if trained is None:
            return _count_all(connection, training, counts)
        return _count_new(connection, training, trained, counts, known)


def _count_all(connection: Connection, training: TrainingSettings, counts: ExampleCounts) -> ExampleCounts:
    from rps_assets.datasets.selection import kept_games
    from rps_assets.datasets.training_games import select_games

    kept = kept_games(select_games(connection, training))
    first: datetime | None = kept["created_at"].min()  # type: ignore[assignment]  # a column of datetimes
    return msgspec.structs.replace(counts, examples=int(kept["examples"].sum()), first_game_at=first)


def _count_new(
    connection: Connection,
    training: TrainingSettings,
    trained: Mapping[Family, Trained],
    counts: ExampleCounts,
    known: ExampleCounts,
) -> ExampleCounts:
    from rps_assets.datasets.selection import kept_games
    from rps_assets.datasets.training_games import examples_since, people_examples, select_games

    moment, reserved = min(last.last_game_at for last in trained.values()), 0
    if moment < training.training_data_since:
        # Games of the whole window are new; among them recordings, which may be older than the window.
        kept = kept_games(select_games(connection, training))
    else:
        same = known.base == counts.base
        reserved = known.people_before if same else people_examples(connection, training, moment)
        kept = kept_games(select_games(connection, training, newer_than=moment, reserved=reserved))
    new = {family: examples_since(kept, last.last_game_at) for family, last in trained.items()}
    return msgspec.structs.replace(counts, new_examples=new, people_before=reserved)
