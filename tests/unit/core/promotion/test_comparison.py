"""Pairs of games: generations, order, players, and what is settled from one decision to the next."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from rps_core.game.families import PlayingAlias
from rps_core.game.players import PlayerKind
from rps_core.promotion.comparison import (
    GENERATION_OVER,
    LONGEST_GAME,
    PLAYER_GROUPS,
    ComparedGame,
    ComparisonCounts,
    Winner,
    continued_comparison,
    count_games,
    settle,
    start_comparison,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
LATER = START + timedelta(days=30)
COMPARISON = start_comparison("c01", "c03", START)


def game(
    minute: float,
    side: PlayingAlias,
    winner: Winner | None,
    generation: str = "g1",
    kind: PlayerKind = "human",
    lasts: timedelta = timedelta(minutes=1),
) -> ComparedGame:
    at = START + timedelta(minutes=minute)
    return ComparedGame(at, None if winner is None else at + lasts, side, generation, kind, winner)


def people(games: Sequence[ComparedGame], now: datetime = LATER) -> ComparisonCounts:
    return count_games(COMPARISON, games, now)["human"]


def test_the_ith_decided_games_of_both_sides_form_a_pair() -> None:
    counts = people(
        [
            game(0, "B", "bot"),
            game(1, "B", "tie"),
            game(2, "Production", "user"),
            game(3, "B", "user"),
            game(4, "Production", "bot"),
            game(5, "Production", "bot"),
        ]
    )
    assert (counts.pairs, counts.b_pairs, counts.production_pairs, counts.generations) == (2, 1, 1, 1)
    assert (counts.b_wins, counts.b_games, counts.b_ties) == (1, 2, 1)
    # The third game of Production waits for a partner.
    assert (counts.production_wins, counts.production_games) == (2, 3)


def test_games_of_different_generations_form_no_pair() -> None:
    counts = people([game(0, "B", "bot", "g1"), game(1, "Production", "user", "g2")])
    assert (counts.pairs, counts.b_games, counts.production_games) == (0, 1, 1)


def test_a_running_game_keeps_later_games_of_its_side_waiting() -> None:
    games = [game(0, "B", None), game(1, "B", "bot"), game(2, "Production", "user")]
    soon = START + timedelta(minutes=5)
    assert people(games, soon).pairs == 0
    # Nobody finishes it: after a while, it counts as abandoned.
    assert people(games, START + LONGEST_GAME + timedelta(seconds=1)).pairs == 1


def test_a_game_that_was_finished_too_late_never_counts() -> None:
    games = [
        game(0, "B", "bot", lasts=LONGEST_GAME + timedelta(seconds=1)),
        game(1, "B", "user"),
        game(2, "Production", "bot"),
    ]
    counts = people(games)
    assert (counts.pairs, counts.production_pairs, counts.b_games) == (1, 1, 1)


def test_each_group_of_players_is_paired_separately() -> None:
    counts = count_games(
        COMPARISON,
        [
            game(0, "B", "bot", kind="scripted"),
            game(1, "B", "user", kind="human"),
            game(2, "Production", "user", kind="human"),
            game(3, "B", "bot", kind="simulated"),
            game(4, "Production", "user", kind="test"),
        ],
        LATER,
    )
    pairs = {group: (counts[group].pairs, counts[group].b_pairs, counts[group].b_games) for group in PLAYER_GROUPS}
    assert pairs == {"human": (1, 0, 1), "scripted": (0, 0, 1), "human,scripted": (1, 1, 2)}


def random_games(generations: int, a_generation: int, seed: int) -> list[ComparedGame]:
    random, found = Random(seed), []
    for number in range(generations * a_generation):
        side: PlayingAlias = random.choice(("B", "Production"))
        winner: Winner = random.choice(("bot", "user", "tie"))
        kind: PlayerKind = random.choice(("human", "scripted"))
        # Replicas follow a training at different moments, so neighbouring generations overlap.
        generation = f"g{(number + random.randrange(3)) // a_generation}"
        found.append(game(10 * number, side, winner, generation, kind))
    return found


def test_decisions_between_the_games_of_twenty_generations_lose_no_pair() -> None:
    games = random_games(20, 20, seed=5)
    at_once = count_games(COMPARISON, games, LATER)
    comparison, read = COMPARISON, 0
    for number in range(0, len(games), 7):
        now = games[number].started_at + timedelta(minutes=2)
        known = [one for one in games if comparison.read_from <= one.started_at <= now]
        read = max(read, len(known))
        expected = count_games(COMPARISON, [one for one in games if one.started_at <= now], now)
        assert count_games(comparison, known, now) == expected
        comparison = settle(comparison, known, now)
    assert count_games(comparison, [one for one in games if one.started_at >= comparison.read_from], LATER) == at_once
    # A decision reads the generations that are not over, and never the whole comparison.
    assert read < 4 * 20
    assert at_once["human,scripted"].generations >= 20


def test_the_newest_generation_and_those_with_recent_games_stay_open() -> None:
    games = [game(0, "B", "bot", "g1"), game(1, "Production", "user", "g1"), game(2, "B", "bot", "g2")]
    early = games[1].started_at + GENERATION_OVER
    assert settle(COMPARISON, games, early) == COMPARISON
    settled = settle(COMPARISON, games, early + timedelta(minutes=1))
    assert settled.read_from == games[2].started_at
    assert settled.settled["human"].b_pairs == 1


def test_a_long_generation_is_settled_in_parts_which_cost_only_games_without_a_partner() -> None:
    random = Random(6)
    games = [game(2 * n, random.choice(("B", "Production")), random.choice(("bot", "user"))) for n in range(4_000)]
    at_once, comparison = people(games), COMPARISON
    for now in (games[n].started_at + timedelta(minutes=2) for n in range(900, 4_000, 700)):
        known = [one for one in games if comparison.read_from <= one.started_at <= now]
        assert len(known) < 2_500
        comparison = settle(comparison, known, now)
    left = [one for one in games if one.started_at >= comparison.read_from]
    in_parts = count_games(comparison, left, LATER)["human"]
    assert (in_parts.b_games, in_parts.b_wins, in_parts.generations) == (at_once.b_games, at_once.b_wins, 1)
    assert at_once.pairs - 150 < in_parts.pairs <= at_once.pairs


def test_games_of_an_old_version_that_comes_back_count_again() -> None:
    games = [game(0, "B", "bot", "g1"), game(1, "Production", "user", "g1"), game(100, "B", "bot", "g2")]
    settled = settle(COMPARISON, games, LATER)
    back = [games[2], game(200, "B", "bot", "g1"), game(201, "Production", "user", "g1")]
    assert count_games(settled, back, LATER)["human"].b_pairs == 2


def test_a_comparison_goes_on_until_production_or_b_gets_another_configuration() -> None:
    same = {"Production": "c01", "B": "c03", "shadow1": "c02"}
    assert continued_comparison(COMPARISON, same, LATER) == COMPARISON
    for changed in ({"Production": "c03", "B": "c01"}, {"Production": "c01", "B": "c02"}):
        fresh = continued_comparison(COMPARISON, changed, LATER)
        assert fresh == start_comparison(changed["Production"], changed["B"], LATER)
    assert continued_comparison(COMPARISON, {"Production": "c01"}, LATER) is None


def test_without_a_known_comparison_it_starts_where_the_configurations_came() -> None:
    held = {"Production": "c01", "B": "c03"}
    assert continued_comparison(None, held, LATER, since=START) == COMPARISON
    assert continued_comparison(None, held, LATER) == start_comparison("c01", "c03", LATER)


def test_games_of_other_configurations_are_read_once() -> None:
    settled = settle(COMPARISON, [], LATER)
    assert settled == msgspec.structs.replace(COMPARISON, read_from=LATER - LONGEST_GAME)
    # It never goes back: a comparison that started a moment ago reads from its start.
    assert settle(COMPARISON, [], COMPARISON.started_at) == COMPARISON
