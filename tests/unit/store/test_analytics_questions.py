"""Statistics that the API shows, on SQLite and on PostgreSQL."""

from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, insert, update

from rps_core.errors import InvalidDifficulty
from rps_core.store import GameStore
from rps_core.store.analytics.activity import active_games
from rps_core.store.analytics.filters import GameFilter, parse_difficulty
from rps_core.store.analytics.listing import ExportedRound, export_portion, list_games, plan_export
from rps_core.store.analytics.standings import bot_win_rates, leaderboard
from rps_core.store.analytics.streaks import LeftOut, win_streaks
from rps_core.store.analytics.summaries import game_results, game_score, player_moves, round_results, session_results
from rps_core.store.schema import games
from tests.builders.games import START, new_game, play_next, play_to_the_end

ALL = GameFilter(START - timedelta(days=1))


@pytest.fixture
def store(engine: Engine) -> GameStore:
    return GameStore(engine)


class Results:
    """Adds games without rounds, for statistics that use only results."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.games = 0

    def add(self, name: str | None, *winners: str | None, **columns: object) -> None:
        for winner in winners:
            self.games += 1
            created = START + timedelta(minutes=self.games)
            values = {
                "id": f"game-{self.games:04d}",
                "session_id": f"session of {name}",
                "player_name": name,
                "player_kind": "human",
                "bot_policy": "forrest",
                "model_type": "xgboost",
                "bot_model_version": "1",
                "created_ts": created,
                "created_ts_utc": created,
                "winner": winner,
                "finished_ts": created + timedelta(minutes=5) if winner else None,
                **columns,
            }
            with self.engine.begin() as connection:
                connection.execute(insert(games).values(values))


@pytest.fixture
def results(engine: Engine) -> Results:
    return Results(engine)


def test_the_leaderboard_ranks_by_rate_then_games_then_name(engine: Engine, results: Results) -> None:
    results.add("Zoe", *["user"] * 3, *["bot"] * 2)
    results.add("Amy", *["user"] * 3, "bot", "tie")
    results.add("Max", *["user"] * 6, *["bot"] * 4)
    results.add("Ann", *["user"] * 5)
    results.add("Few", *["user"] * 4)
    with engine.connect() as connection:
        found = leaderboard(connection, ALL, 10)
    assert [(row.rank, row.player_name, row.win_rate) for row in found.standings] == [
        (1, "Ann", 100.0),
        (2, "Max", 60.0),
        (3, "Amy", 60.0),
        (4, "Zoe", 60.0),
    ]
    amy = found.standings[2]
    assert (amy.total_games, amy.wins, amy.losses, amy.ties) == (5, 3, 1, 1)


def test_the_limit_of_the_leaderboard_applies_to_people_only(engine: Engine, results: Results) -> None:
    results.add("Ace", *["user"] * 9, player_kind="scripted")
    results.add("Bot-7", *["user"] * 9, player_kind="scripted")
    results.add("Ann", *["bot"] * 5)
    with engine.connect() as connection:
        found = leaderboard(connection, ALL, 1)
    assert [row.player_name for row in found.standings] == ["Ann"]
    assert found.filtered_out == ["Ace", "Bot-7"]


def test_a_person_called_dan_is_not_a_scripted_player(engine: Engine, results: Results) -> None:
    results.add("Dan", *["user"] * 5)
    results.add("Dan", *["bot"] * 50, player_kind="scripted")
    with engine.connect() as connection:
        assert [row.win_rate for row in leaderboard(connection, ALL, 10).standings] == [100.0]


@pytest.mark.parametrize(
    "left_out",
    [
        {"is_test": 1},
        {"player_kind": "test"},
        {"origin": "recording"},
        {"created_ts_utc": START - timedelta(days=2)},
        {"winner": None},
    ],
)
def test_games_that_do_not_count_are_missing_from_every_statistic(
    engine: Engine, results: Results, left_out: dict[str, object]
) -> None:
    results.add("Ann", *["user"] * 5, **left_out)
    with engine.connect() as connection:
        assert leaderboard(connection, ALL, 10).standings == []
        assert win_streaks(connection, ALL, 10).players == []
        assert sum(rate.human_games for rate in bot_win_rates(connection, ALL).rates.values()) == 0
        assert sum(row.finished for row in game_results(connection, ALL)) == 0


def test_unfinished_games_are_reported_but_not_part_of_a_denominator(engine: Engine, results: Results) -> None:
    results.add("Ann", "user", "bot", "bot", "tie", None, None)
    results.add("Ann", "bot", easy_mode=1)
    with engine.connect() as connection:
        rows = {row.difficulty_mode: row for row in game_results(connection, ALL._replace(policy="forrest"))}
    standard = rows["standard"]
    assert (standard.games, standard.finished) == (6, 4)
    assert (standard.bot_wins, standard.player_wins, standard.ties) == (2, 1, 1)
    assert rows["easy"].finished == 1


def test_bot_rates_separate_people_from_scripted_players_and_ties_from_losses(engine: Engine, results: Results) -> None:
    results.add("Ann", "bot", "bot", "user", "tie")
    results.add("Ace", "bot", player_kind="scripted")
    results.add("Ann", "user", bot_policy="brian", model_type="feedforward_nn")
    with engine.connect() as connection:
        found = bot_win_rates(connection, ALL)
        everybody = bot_win_rates(connection, ALL, human_only=False)
    rates = found.rates
    assert list(rates) == ["brian", "forrest", "logan"]
    forrest = rates["forrest"]
    assert (forrest.human_games, forrest.bot_wins, forrest.human_wins, forrest.ties, forrest.excluded_games) == (
        4,
        2,
        1,
        1,
        1,
    )
    assert found.excluded_names == {"legacy": ["Ace"]}
    assert [(rate.human_games, rate.excluded_games) for rate in everybody.rates.values()] == [(1, 0), (5, 0), (0, 0)]
    assert everybody.excluded_names == {}


def test_a_loss_or_a_tie_ends_a_streak(engine: Engine, results: Results) -> None:
    results.add("Ann", "user", "user", "user", "bot", "user")
    results.add("Bea", "user", "user", "user", "tie", "user", "user")
    results.add("Eve", "bot", "tie")
    with engine.connect() as connection:
        found = win_streaks(connection, ALL, 10).players
    assert [(row.username, row.streak, row.current_streak, row.total_games) for row in found] == [
        ("Bea", 3, 2, 6),
        ("Ann", 3, 1, 5),
    ]
    assert found[1].last_win_date == START + timedelta(minutes=5 + 5)


def test_streaks_belong_to_sessions_or_to_names_without_a_session(engine: Engine, results: Results) -> None:
    results.add("Ann", "user", "user", session_id="one")
    results.add("Ann", "user", session_id="two")
    results.add("Bea", *["user"] * 4, session_id="")
    results.add("Eve", "user", session_id="")
    with engine.connect() as connection:
        found = win_streaks(connection, ALL, 10).players
    assert [(row.username, row.streak) for row in found] == [("Bea", 4), ("Ann", 2), ("Eve", 1), ("Ann", 1)]


def test_a_chosen_name_replaces_a_generated_one(engine: Engine, results: Results) -> None:
    results.add("Player-ABC", "user", "user", session_id="abc-1")
    results.add("Mira", "bot", session_id="abc-1")
    results.add(None, "user", session_id="xyz-2")
    with engine.connect() as connection:
        assert [row.username for row in win_streaks(connection, ALL, 10).players] == ["Mira", "Player-XYZ"]


def test_the_longest_streak_is_found_even_if_others_won_more_games(engine: Engine, results: Results) -> None:
    for number in range(120):
        results.add(f"Often {number}", *["user", "bot"] * 4)
    results.add("Rare", *["user"] * 3)
    results.add("Rival", *["bot"], *["user"] * 3)
    with engine.connect() as connection:
        found = win_streaks(connection, ALL, 2).players
    assert [(row.username, row.streak) for row in found] == [("Rare", 3), ("Rival", 3)]


@pytest.mark.parametrize("limit", [1, 5, 100])
def test_streaks_of_many_sessions_equal_a_count_game_by_game(engine: Engine, results: Results, limit: int) -> None:
    random, played = Random(limit), dict[str, list[str]]()
    for _ in range(150):
        name = f"Somebody {random.randrange(30)}"
        winners = random.choices(("user", "bot", "tie"), (6, 3, 1), k=random.randrange(1, 5))
        results.add(name, *winners)
        played.setdefault(name, []).extend(winners)
    expected = []
    for name, winners in played.items():
        longest = current = 0
        for winner in winners:
            current = current + 1 if winner == "user" else 0
            longest = max(longest, current)
        expected.append((-longest, -current, f"session of {name}", name, len(winners)))
    with engine.connect() as connection:
        found = win_streaks(connection, ALL, limit).players
    assert [(row.streak, row.current_streak, row.username, row.total_games) for row in found] == [
        (-longest, -current, name, total) for longest, current, _, name, total in sorted(expected)[:limit] if longest
    ]


def test_streaks_follow_the_end_times_of_games_not_the_order_of_storage(engine: Engine, results: Results) -> None:
    results.add("Ann", "user", "user", "bot", "user")
    with engine.begin() as connection:
        connection.execute(update(games).where(games.c.winner == "bot").values(finished_ts=START))
    with engine.connect() as connection:
        (ann,) = win_streaks(connection, ALL, 10).players
    assert (ann.streak, ann.current_streak) == (3, 3)


def test_streaks_against_one_opponent_ignore_games_against_others(engine: Engine, results: Results) -> None:
    results.add("Ann", "user", session_id="one")
    results.add("Ann", "bot", session_id="one", bot_policy="logan")
    results.add("Ann", "user", session_id="one")
    with engine.connect() as connection:
        assert win_streaks(connection, ALL, 10).players[0].streak == 1
        assert win_streaks(connection, ALL._replace(policy="forrest"), 10).players[0].streak == 2


def test_names_left_out_of_the_streaks_are_listed_with_the_reason(engine: Engine, results: Results) -> None:
    results.add("Hal", "user", player_kind="scripted")
    results.add("sim12", "user", player_kind="scripted")
    results.add("Robot", "user", player_kind="scripted")
    with engine.connect() as connection:
        assert win_streaks(connection, ALL, 10) == (
            [],
            [LeftOut("Hal", "legacy"), LeftOut("Robot", "scripted"), LeftOut("sim12", "simulated")],
        )


def test_games_are_listed_newest_first_by_end_or_start(engine: Engine, results: Results) -> None:
    results.add("Ann", "user", None, "bot", None)
    with engine.connect() as connection:
        listed = list_games(connection, ALL, 3)
        everything = list_games(connection, ALL, 50)
    moments = [game.finished_ts or game.created_ts for game in everything]
    assert moments == sorted(moments, reverse=True)
    assert listed == everything[:3]
    assert len(everything) == 4


def test_filters_apply_before_the_limit(engine: Engine, results: Results) -> None:
    results.add("Ann", "user")
    results.add("Bea", *["user"] * 5, bot_policy="logan")
    with engine.connect() as connection:
        assert [g.policy for g in list_games(connection, ALL._replace(policy="forrest"), 1)] == ["forrest"]
        assert [g.player_name for g in list_games(connection, ALL._replace(player_name="Ann"), 1)] == ["Ann"]
        assert list_games(connection, ALL._replace(easy_mode=True), 10) == []


def test_a_listed_game_has_its_number_of_rounds(store: GameStore) -> None:
    played = play_to_the_end(store, new_game())
    with store.engine.connect() as connection:
        (listed,) = list_games(connection, ALL, 10)
    assert (listed.rounds, listed.winner, listed.user_score) == (len(played.rounds), played.winner, played.user_score)


def test_moves_and_results_match_the_rounds(store: GameStore) -> None:
    first, second = play_to_the_end(store, new_game()), play_to_the_end(store, new_game("game-2"), seed=2)
    rounds = [*first.rounds, *second.rounds]
    with store.engine.connect() as connection:
        moves = player_moves(connection, ALL._replace(player_name="Mira"))
        session = session_results(connection, ALL, "session-1")
        one = round_results(connection, ALL, "game-2")
        score = game_score(connection, ALL, "game-2")
    assert moves.rounds == len(rounds)
    assert moves.moves == {m: sum(r.user_move == m for r in rounds) for m in ("rock", "paper", "scissors")}
    assert session == (
        2,
        len(rounds),
        *(sum(played.result == result for played in rounds) for result in ("win", "lose", "draw")),
    )
    assert (one.games, one.rounds) == (1, len(second.rounds))
    assert score == (second.user_score, second.bot_score, second.winner)


def test_an_unknown_session_or_game_has_zeros(engine: Engine) -> None:
    with engine.connect() as connection:
        assert session_results(connection, ALL, "nobody") == (0, 0, 0, 0, 0)
        assert game_score(connection, ALL, "nothing") == (0.0, 0.0, None)


def exported(engine: Engine, limit: int, before_id: int | None = None) -> list[ExportedRound]:
    found: list[ExportedRound] = []
    with engine.connect() as connection:
        page = plan_export(connection, ALL, limit, before_id)
        rows = page.rows
        while page.rows > 0:
            portion = export_portion(connection, ALL, page)
            found += portion
            page = page.after(portion)
    assert len(found) == rows
    return found


def test_exported_rounds_are_newest_first_and_pages_join_without_a_gap(
    store: GameStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rps_core.store.analytics.listing.EXPORT_ROWS_AT_A_TIME", 3)
    play_to_the_end(store, new_game())
    play_to_the_end(store, new_game("test", player_kind="test"))
    play_to_the_end(store, new_game("game-2"), seed=2)
    everything, first = exported(store.engine, 10_000), exported(store.engine, 4)
    ids = [row.event_id for row in everything]
    assert ids == sorted(ids, reverse=True)
    assert first + exported(store.engine, 10_000, first[-1].event_id) == everything
    assert {row.game_id for row in everything} == {"game-1", "game-2"}
    assert exported(store.engine, 10, ids[-1]) == []


def test_an_exported_round_equals_the_stored_one(store: GameStore) -> None:
    game = play_to_the_end(store, new_game())
    last, row = game.rounds[-1], exported(store.engine, 10_000)[0]
    assert (row.game_id, row.round_no, row.player_move, row.bot_move) == (
        game.id,
        last.round_no,
        last.user_move,
        last.bot_move,
    )
    assert (row.rock_pts, row.paper_pts, row.scissors_pts) == last.points
    assert (row.user_score, row.bot_score, row.winner) == (last.user_score, last.bot_score, game.winner)
    assert (row.model_version, row.model_run_id, row.model_alias) == ("7", "a" * 32, "Production")
    assert (row.easy_mode, row.model_switched) == (False, False)
    assert row.created_at == START


def test_a_running_game_is_active_for_half_an_hour(store: GameStore) -> None:
    def active(now: datetime) -> int:
        with store.engine.connect() as connection:
            return active_games(connection, now)

    play_to_the_end(store, new_game("over"))
    store.write([new_game("never moved")])
    store.write([new_game("test", player_kind="test")])
    store.write([new_game("running")])
    for game_id in ("running", "test"):
        game = store.load_game(game_id)
        play_next(store, game, "rock", "rock")
    assert active(START + timedelta(minutes=29)) == 1
    assert active(START + timedelta(minutes=31)) == 0


def test_recordings_are_not_exported(store: GameStore) -> None:
    play_to_the_end(store, new_game())
    with store.engine.begin() as connection:
        connection.execute(update(games).values(origin="recording"))
    assert exported(store.engine, 10) == []


@pytest.mark.parametrize(("text", "easy"), [(None, None), ("standard", False), ("Normal", False), (" easy ", True)])
def test_difficulties_are_accepted_in_upper_and_lower_case(text: str | None, easy: bool | None) -> None:
    assert parse_difficulty(text) is easy


def test_an_unknown_difficulty_is_refused_with_a_list_of_the_known_ones() -> None:
    with pytest.raises(InvalidDifficulty, match=r"hard.*standard, normal, easy"):
        parse_difficulty("hard")
