"""Import of a database of the original system, on SQLite and on PostgreSQL."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from rps_cli.importers import import_original
from rps_core.errors import DataFileError
from rps_core.game.families import ModelIdentity
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store import GameStore, PromotionLedger, open_engine, upgrade_store
from rps_core.store.analytics.training import select_training_games
from rps_core.store.analytics.versions import version_performance
from rps_core.store.schema import events, games, promotion_events
from tests.builders.damage import damage_schema
from tests.builders.games import play_next
from tests.unit.cli.importers.original_database import START, add_game, add_rows, create_original, decision, played_game
from tests.unit.cli.importers.reports import counted, only_rejection


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return create_original(tmp_path / "original.db")


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_a_game_is_imported_with_all_its_rounds_and_times_in_utc(engine: Engine, original: Path) -> None:
    rounds = add_game(original, "game-1")
    report = import_original(engine, original)
    assert counted(report.imported) == {"games": 1, "rounds": len(rounds)}
    assert report.skipped == report.corrected == {}
    game = GameStore(engine).load_game("game-1")
    assert (game.policy, game.family, game.alias, game.model) == ("forrest", "xgboost", "B", None)
    assert (game.player_name, game.player_kind, game.session_id) == ("Mira", "human", "session-1")
    assert game.created_at == (START + timedelta(minutes=1)).replace(tzinfo=UTC)
    assert game.finished_at == (START + timedelta(minutes=1, seconds=len(rounds))).replace(tzinfo=UTC)
    assert [(p.user_move, p.bot_move, p.user_score, p.bot_score) for p in game.rounds] == [
        (r["user_move"], r["bot_move"], r["user_score"], r["bot_score"]) for r in rounds
    ]
    assert game.opening == tuple(r["bot_move"] for r in rounds[:3])


def test_rounds_of_the_opening_are_distinguished_from_later_rounds(engine: Engine, original: Path) -> None:
    add_game(original, "game-1")
    import_original(engine, original)
    with engine.connect() as connection:
        sources = tuple(connection.scalars(select(events.c.probability_source).order_by(events.c.step_no)))
    assert sources == ("gambit",) * 3 + ("unknown",) * (len(sources) - 3)


def test_a_second_import_adds_nothing(engine: Engine, original: Path) -> None:
    rounds = add_game(original, "game-1")
    # The same decision twice in one second is two decisions.
    add_rows(original, "promotion_events", [decision(), decision(), decision(model_type="multinomial_logistic")])
    first = import_original(engine, original)
    second = import_original(engine, original)
    assert counted(first.imported) == {"games": 1, "rounds": len(rounds), "promotion decisions": 3}
    assert second.imported == {}
    assert counted(second.already_there) == counted(first.imported)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(promotion_events)) == 3


def test_games_added_to_the_original_later_are_imported_too(engine: Engine, original: Path) -> None:
    add_game(original, "game-1")
    import_original(engine, original)
    add_game(original, "game-2", seed=2)
    report = import_original(engine, original)
    assert (report.imported["games"].examples, report.already_there["games"].examples) == (["game-2"], ["game-1"])


def test_a_dry_run_reports_the_same_and_writes_nothing(engine: Engine, original: Path) -> None:
    add_game(original, "game-1")
    add_rows(original, "promotion_events", [decision()])
    dry = import_original(engine, original, dry_run=True)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(games)) == 0
        assert connection.scalar(select(func.count()).select_from(promotion_events)) == 0
    assert counted(dry.imported) == counted(import_original(engine, original).imported)


def test_the_file_is_not_changed_and_no_other_file_appears(engine: Engine, original: Path) -> None:
    add_game(original, "game-1")
    change(original, "PRAGMA journal_mode=WAL")
    before = hashlib.sha256(original.read_bytes()).hexdigest(), sorted(original.parent.glob("original*"))
    import_original(engine, original)
    assert (hashlib.sha256(original.read_bytes()).hexdigest(), sorted(original.parent.glob("original*"))) == before


def test_rounds_in_the_write_ahead_log_are_imported_too(engine: Engine, original: Path) -> None:
    with closing(sqlite3.connect(original)) as owner:
        owner.execute("PRAGMA journal_mode=WAL").fetchone()
        owner.execute("SELECT count(*) FROM games").fetchone()
        add_game(original, "game-1")
        assert original.with_name("original.db-wal").stat().st_size > 0
        assert counted(import_original(engine, original).imported)["games"] == 1


@pytest.mark.parametrize(
    ("player_name", "is_test", "kind"),
    [("Mira", 0, "human"), ("Bob", 0, "scripted"), ("sim[42]", 0, "scripted"), ("Mira", 1, "test"), (None, 0, "human")],
)
def test_the_kind_of_a_historical_player_follows_from_the_flag_and_the_name(
    engine: Engine, original: Path, player_name: str | None, is_test: int, kind: str
) -> None:
    add_game(original, "game-1", player_name=player_name, is_test=is_test)
    import_original(engine, original)
    assert GameStore(engine).load_game("game-1").player_kind == kind


@pytest.mark.parametrize("created", [None, "now", "yesterday", ""])
def test_a_game_without_a_usable_creation_time_starts_with_its_first_round(
    engine: Engine, original: Path, created: str | None
) -> None:
    add_game(original, "game-1", created_ts_utc=created, created_ts="now")
    report = import_original(engine, original)
    assert [reason for reason in report.corrected if "creation time" in reason]
    first_round = (START + timedelta(minutes=1, seconds=1)).replace(tzinfo=UTC)
    assert GameStore(engine).load_game("game-1").created_at == first_round


def test_a_file_without_the_later_columns_is_imported(engine: Engine, original: Path) -> None:
    add_game(original, "game-1")
    for table, columns in {
        "games": ("player_name", "bot_model_alias", "created_ts_utc", "is_test", "easy_mode"),
        "events": ("created_ts_utc", "round_rock_pts", "round_paper_pts", "round_scissors_pts"),
    }.items():
        for column in columns:
            change(original, f"ALTER TABLE {table} DROP COLUMN {column}")
    change(original, "DROP TABLE promotion_events")
    report = import_original(engine, original)
    game = GameStore(engine).load_game("game-1")
    assert (game.player_name, game.alias) == ("Player-SES", "Production")
    # The values follow from the id, and the gains of the rounds prove them.
    assert counted(report.imported)["rounds"] == len(game.rounds) > 0


def test_a_tie_of_old_rows_is_a_draw(engine: Engine, original: Path) -> None:
    add_game(original, "game-1")
    change(original, "UPDATE events SET result = 'tie' WHERE result = 'draw'")
    assert import_original(engine, original).skipped == {}
    with engine.connect() as connection:
        assert "tie" not in connection.scalars(select(events.c.result)).all()


def test_rounds_without_numbers_are_numbered_in_the_order_of_the_file(engine: Engine, original: Path) -> None:
    rounds = add_game(original, "game-1")
    change(original, "UPDATE events SET step_no = NULL")
    report = import_original(engine, original)
    assert [reason for reason in report.corrected if "without numbers" in reason]
    assert [p.user_move for p in GameStore(engine).load_game("game-1").rounds] == [r["user_move"] for r in rounds]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE events SET step_no = 1 WHERE step_no = 2", "occurs twice"),
        ("DELETE FROM events WHERE step_no = 2", "rounds are missing"),
        ("UPDATE events SET step_no = NULL WHERE step_no = 2", "rounds are missing"),
        ("UPDATE events SET user_move = 'lizard' WHERE step_no = 2", "a move is unknown"),
        ("UPDATE events SET user_move = x'00ff' WHERE step_no = 2", "a move is unknown"),
        ("UPDATE events SET user_delta = 7 WHERE step_no = 2", "contradict the rules"),
        ("UPDATE events SET user_score = 'many' WHERE step_no = 2", "contradict the rules"),
        ("UPDATE events SET bot_score = bot_score + 1 WHERE step_no > 3", "contradict the rules"),
        ("UPDATE events SET result = 'win', user_move = bot_move WHERE step_no = 2", "contradicts the moves"),
        ("UPDATE events SET round_rock_pts = -1 WHERE step_no = 2", "value of a move"),
        ("UPDATE events SET round_rock_pts = 'dear' WHERE step_no = 2", "value of a move"),
        ("UPDATE games SET winner = CASE winner WHEN 'user' THEN 'bot' ELSE 'user' END", "winner contradicts"),
        ("UPDATE games SET bot_policy = ''", "name of the opponent"),
        ("UPDATE games SET bot_policy = printf('%.*c', 500, 'x')", "name of the opponent"),
    ],
)
def test_a_game_that_contradicts_the_rules_is_skipped_with_its_reason(
    engine: Engine, original: Path, statement: str, reason: str
) -> None:
    add_game(original, "game-1")
    change(original, statement)
    report = import_original(engine, original)
    assert reason in (said := only_rejection(report))
    assert said.endswith("""["'game-1'"]""")
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(events)) == 0


def test_a_bad_game_does_not_stop_a_good_one(engine: Engine, original: Path) -> None:
    add_game(original, "bad")
    change(original, "DELETE FROM events WHERE step_no = 2")
    add_game(original, "good", seed=2)
    report = import_original(engine, original)
    assert report.imported["games"].examples == ["good"]
    assert counted(report.skipped) == {"games: rounds are missing": 1}


def test_a_game_with_rounds_after_the_finish_is_skipped(engine: Engine, original: Path) -> None:
    rounds = add_game(original, "game-1")
    last = rounds[-1]
    add_rows(original, "events", [last | {"step_no": last["step_no"] + 1}])
    assert "after the finish" in only_rejection(import_original(engine, original))


def test_games_with_unusable_ids_are_skipped_and_unusable_sessions_are_replaced(engine: Engine, original: Path) -> None:
    add_game(original, "g" * 65)
    add_game(original, "line\nbreak", seed=2)
    add_game(original, "game-3", seed=3, session_id="s" * 5_000)
    add_game(original, "game-4", seed=4, session_id="")
    report = import_original(engine, original)
    assert sorted(report.imported["games"].examples) == ["game-3", "game-4"]
    assert next(iter(counted(report.skipped).values())) == 2
    assert GameStore(engine).load_game("game-4").session_id == "game-4"


def test_a_huge_field_is_shortened_before_it_is_read(engine: Engine, original: Path) -> None:
    add_game(original, "game-1", player_name="é" * 3_000_000, opening_name="x" * 3_000_000)
    add_rows(original, "promotion_events", [decision(payload_json='"' + "x" * 3_000_000 + '"')])
    import_original(engine, original)
    game = GameStore(engine).load_game("game-1")
    assert (game.player_name, game.opening_name) == ("é" * 32, "x" * 32)
    with engine.connect() as connection:
        assert connection.scalar(select(promotion_events.c.payload_json)) == "{}"


def test_invalid_utf8_and_nul_characters_are_tolerated(engine: Engine, original: Path) -> None:
    add_game(original, "game-1")
    change(original, "UPDATE games SET player_name = CAST(x'4dff00' AS TEXT), opening_seq = '[1'")
    add_rows(original, "promotion_events", [decision(reason="a\0b", alias_rankings_json="[")])
    report = import_original(engine, original)
    assert GameStore(engine).load_game("game-1").player_name == "M\ufffd"
    assert sorted(counted(report.corrected).values()) == [1, 1]
    # SQLite ends a text at its first NUL.
    assert PromotionLedger(engine).history()[0].reason == "a"


def test_an_unfinished_game_stays_open_and_counts_for_no_model(engine: Engine, original: Path) -> None:
    game, rounds = played_game("game-1", winner=None, finished_ts=None)
    add_rows(original, "games", [game])
    add_rows(original, "events", rounds[:-1])
    add_game(original, "opening-only", seed=2, winner=None, finished_ts=None)
    change(original, "DELETE FROM events WHERE game_id = 'opening-only' AND step_no > 2")
    import_original(engine, original)
    store = GameStore(engine)
    unfinished, opening_only = store.load_game("game-1"), store.load_game("opening-only")
    assert (unfinished.winner, unfinished.finished_at, unfinished.model_switched) == (None, None, True)
    # No model has chosen a move of this game yet.
    assert opening_only.model_switched is False


def test_scores_winner_and_finish_of_a_game_are_corrected_from_its_rounds(engine: Engine, original: Path) -> None:
    rounds = add_game(original, "game-1", user_score=0.0, bot_score=1.5, winner=None, finished_ts="soon")
    report = import_original(engine, original)
    assert len(report.corrected) == 3
    game = GameStore(engine).load_game("game-1")
    assert (game.user_score, game.bot_score) == (rounds[-1]["user_score"], rounds[-1]["bot_score"])
    assert game.winner is not None
    assert game.finished_at == datetime.fromisoformat(rounds[-1]["created_ts_utc"])


def test_retired_easy_opponents_become_the_opponents_in_easy_mode(engine: Engine, original: Path) -> None:
    add_game(original, "game-1", bot_policy="Brian_easy")
    import_original(engine, original)
    game = GameStore(engine).load_game("game-1")
    assert (game.policy, game.family, game.easy_mode) == ("brian", "feedforward_nn", True)


@pytest.mark.parametrize("policy", ["ace", "hal", "stranger"])
def test_games_against_unknown_opponents_are_kept_as_recordings(engine: Engine, original: Path, policy: str) -> None:
    add_game(original, "game-1", bot_policy=policy)
    report = import_original(engine, original)
    assert [reason for reason in report.corrected if "recording" in reason]
    with engine.connect() as connection:
        row = connection.execute(select(games)).one()
        assert (row.origin, row.bot_policy, row.model_type) == ("recording", policy, "none")
        since = datetime(2025, 10, 1, tzinfo=UTC)
        assert connection.execute(select_training_games(since)).all() == []
        assert len(connection.execute(select_training_games(since, include_recordings=True)).all()) == 1


def test_imported_games_count_for_no_version(engine: Engine, original: Path) -> None:
    add_game(original, "game-1")
    import_original(engine, original)
    with engine.connect() as connection:
        assert version_performance(connection) == []


def test_rounds_without_a_game_are_counted(engine: Engine, original: Path) -> None:
    rounds = add_game(original, "game-1")
    change(original, "DELETE FROM games")
    assert counted(import_original(engine, original).skipped) == {"rounds that belong to no game": len(rounds)}


def test_unreadable_decisions_are_skipped(engine: Engine, original: Path) -> None:
    bad = [
        decision(decision="coin_toss"),
        decision(model_type="oracle"),
        decision(created_ts_utc=None),
        decision(b_wins="several"),
    ]
    add_rows(original, "promotion_events", [*bad, decision()])
    report = import_original(engine, original)
    assert counted(report.imported) == {"promotion decisions": 1}
    assert counted(report.skipped) == {"a promotion decision cannot be read": 4}


def test_imported_decisions_are_ordered_by_time(engine: Engine, original: Path) -> None:
    ledger = PromotionLedger(engine)
    today = datetime(2026, 11, 1, tzinfo=UTC)
    ledger.append(LedgerEntry(model_type="xgboost", decision="insufficient_data", created_at=today))
    add_rows(original, "promotion_events", [decision(decision="swap_production_b")])
    import_original(engine, original)
    assert [entry.decision for entry in ledger.history()] == ["insufficient_data", "swap_production_b"]
    assert ledger.cycles_since_swap("xgboost") == 1


def test_an_imported_game_can_be_continued_under_the_rules(engine: Engine, original: Path) -> None:
    game, rounds = played_game("game-1", winner=None, finished_ts=None)
    add_rows(original, "games", [game])
    add_rows(original, "events", rounds[:-1])
    import_original(engine, original)
    store = GameStore(engine)
    stored = store.load_game("game-1")
    last = rounds[-1]
    model = ModelIdentity("9", "c" * 32)
    play_next(store, stored, last["user_move"], last["bot_move"], model=model)
    finished = store.load_game("game-1")
    assert finished.winner is not None
    assert (finished.user_score, finished.bot_score) == (last["user_score"], last["bot_score"])
    with engine.connect() as connection:
        # Another model chose the earlier moves, so the result counts for no version.
        assert [row.games for row in version_performance(connection)] == [0]


def test_files_other_than_databases_of_the_original_are_refused_with_a_sentence(
    engine: Engine, original: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("game_id,round\n")
    (tmp_path / "magic.db").write_bytes(b"SQLite format 3\0" + b"\0" * 10)
    add_game(original, "game-1", player_name="x" * 20_000)
    whole = original.read_bytes()
    (tmp_path / "half.db").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "scrambled.db").write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    damage_schema(create_original(tmp_path / "no_text.db"))
    change(create_original(tmp_path / "no_events.db"), "DROP TABLE events")
    change(create_original(tmp_path / "no_move.db"), "ALTER TABLE events DROP COLUMN user_move")
    ours = open_engine(f"sqlite:///{tmp_path}/ours.db")
    upgrade_store(ours)
    ours.dispose()
    for name, sentence in {
        "missing.db": "does not exist",
        ".": "is a folder",
        "empty.db": "is empty",
        "text.db": "is not a SQLite file",
        "magic.db": "cannot be read",
        "half.db": "cannot be read",
        "scrambled.db": "cannot be read",
        "no_text.db": "cannot be read: 'utf-8' codec",
        "no_events.db": "lacks the table events",
        "no_move.db": "lacks the columns user_move of the table events",
        "ours.db": "store of this product",
    }.items():
        with pytest.raises(DataFileError, match=sentence):
            import_original(engine, tmp_path / name)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(games)) == 0


def test_a_killed_import_leaves_whole_games_and_can_be_repeated(original: Path, tmp_path: Path) -> None:
    plans = [played_game(f"game-{seed}", seed) for seed in range(3_000)]
    add_rows(original, "games", [game for game, _ in plans])
    add_rows(original, "events", [row for _, rounds in plans for row in rounds])
    target = tmp_path / "target.db"
    engine = open_engine(f"sqlite:///{target}")
    upgrade_store(engine)
    process = subprocess.Popen(
        [sys.executable, "-m", "rps_cli", "import-original", str(original)],
        env={**os.environ, "RPS_DB_PATH": str(target)},
        stdout=subprocess.PIPE,
    )
    with engine.connect() as connection:
        while connection.scalar(select(func.count()).select_from(games)) == 0 and process.poll() is None:
            connection.rollback()
            time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with engine.connect() as connection:
        there = dict(connection.execute(select(events.c.game_id, func.count()).group_by(events.c.game_id)).all())
        found = connection.scalar(select(func.count()).select_from(games))
    lengths = {game["id"]: len(rounds) for game, rounds in plans}
    assert 0 < len(there) == found < len(plans)
    assert there == {game_id: lengths[game_id] for game_id in there}
    report = import_original(engine, original)
    assert counted(report.imported)["games"] == len(plans) - len(there)
    assert counted(report.already_there)["games"] == len(there)
