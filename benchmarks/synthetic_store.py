"""A large gameplay store for the benchmarks: random games under the rules of scoring, written in bulk.

A few players play hundreds of games, most play one or two, and some sessions are long. Scripted players play a third of
the games; one game in a hundred is a test. Games and rounds fill the columns that those of the product fill.
"""

import json
import sqlite3
from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import ALIASES, FAMILIES, PLAYING_ALIASES, Alias, Family
from rps_core.game.moves import MOVES
from rps_core.game.opponents import OPPONENTS
from rps_core.game.rules import BANKED, DEFAULT_RULES, FIRST_STAKE, ChoiceRule
from rps_core.game.scoring import play_round
from rps_core.settings import PlaySettings
from rps_core.store import open_engine, upgrade_store
from rps_core.store.ids import new_id
from rps_core.store.schema import SLOT_COLUMNS, events, games, predictors

SCRIPTED = ("Ace", "Bob", "Cal", "Dan", "Edd", "Fox", "Gus", "Hal")
# Games that run at the same time, so their rounds are interleaved in the file.
CONCURRENT_GAMES = 40
DAYS = 365
REMEMBERED_GAMES: int = PlaySettings.model_fields["remembered_games"].default
POINTS = ((1.0, 1.1, 1.6), (1.3, 1.0, 1.8), (1.9, 1.4, 1.0), (1.0, 2.0, 1.5), (1.7, 1.2, 1.0))
_Finished: TypeAlias = defaultdict[str, deque[str]]


def build_store(
    path: Path, game_count: int, seed: int = 1, now: datetime | None = None, *, with_predictions: bool = True
) -> str:
    """Write a store of `game_count` games that end at `now`, and return its URL."""
    url = f"sqlite:///{path}"
    engine = open_engine(url)
    upgrade_store(engine)
    engine.dispose()
    random, now = Random(seed), now or datetime.now(UTC)
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    _insert(connection, predictors.name, _predictors(game_count))
    finished = _no_games()
    for first in range(0, game_count, 20_000):
        connection.execute("BEGIN")
        for start in range(first, min(first + 20_000, game_count), CONCURRENT_GAMES):
            numbers = range(start, min(start + CONCURRENT_GAMES, game_count))
            started = now - timedelta(days=DAYS) * (1 - start / game_count)
            block = _block(random, numbers, started, finished, with_predictions=with_predictions)
            _write_block(connection, block)
        connection.execute("COMMIT")
    connection.execute("PRAGMA optimize")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return url


def add_games(path: Path, numbers: range, started: datetime, seed: int = 2) -> None:
    """Add games to a store, without predictions."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    _write_block(connection, _block(Random(seed), numbers, started, _no_games(), with_predictions=False))
    connection.execute("COMMIT")
    connection.close()


def _no_games() -> _Finished:
    return defaultdict(lambda: deque(maxlen=REMEMBERED_GAMES))


def _block(
    random: Random, numbers: range, started: datetime, finished: _Finished, *, with_predictions: bool
) -> tuple[list[Any], list[Any]]:
    """Return the rows of games and rounds of some games; `finished` holds the newest finished games of each session."""
    rows: tuple[list[Any], list[Any]] = ([], [])
    for number in numbers:
        moment = started + timedelta(seconds=number % CONCURRENT_GAMES)
        game, rounds = _play(random, number, moment, with_predictions=with_predictions)
        remembered = finished[game["session_id"]]
        rows[0].append(game | {"remembered_games": json.dumps(list(remembered)) if remembered else None})
        if game["winner"]:
            remembered.appendleft(game["id"])
        rows[1].extend(rounds)
    rows[1].sort(key=lambda row: row["ts"])
    return rows


def _write_block(connection: sqlite3.Connection, block: tuple[list[Any], list[Any]]) -> None:
    for table, values in zip((games, events), block, strict=True):
        _insert(connection, table.name, values)


def _insert(connection: sqlite3.Connection, table: str, values: list[Any]) -> None:
    names = list(values[0])
    places = ", ".join(f":{name}" for name in names)
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})",  # noqa: S608 - our own names
        values,
    )


def _play(random: Random, number: int, started: datetime, *, with_predictions: bool) -> tuple[Any, list[Any]]:
    policy = random.choice(tuple(OPPONENTS))
    rule = DEFAULT_RULES[policy]
    family = OPPONENTS[policy].family
    game_id = new_id(started, random.getrandbits)
    alias = random.choice(PLAYING_ALIASES)
    version, run_id = _model(number, family, alias)
    kind = random.choices(("human", "scripted", "test"), (66, 33, 1))[0]
    player = int(30_000 * random.random() ** 3) if kind != "scripted" else random.randrange(8)
    game = {
        "id": game_id,
        "session_id": f"session-{player * 3 + random.randrange(3):012d}-0000-0000-0000",
        "bot_policy": policy,
        "bot_model_version": version,
        "created_ts": _text(started),
        "created_ts_utc": _text(started),
        "is_test": int(kind == "test"),
        "bot_model_alias": alias,
        "player_name": SCRIPTED[player] if kind == "scripted" else f"Somebody {player}",
        "player_kind": kind,
        "model_type": family,
        "bot_model_run_id": run_id,
        "opening_name": "crescendo",
        "start_ts": _text(started),
        "opening_seq": json.dumps(random.choices(MOVES, k=3)),
        "contract_version": CURRENT_CONTRACT.version,
        "choice_rule": rule,
        "value_key": f"{random.getrandbits(128):032x}",
        "stake": FIRST_STAKE if rule == BANKED else None,
    }
    rounds: list[Any] = []
    abandoned_after = random.randrange(12) if random.random() < 0.08 else 99
    for row in _rounds(random, game_id, started):
        if row["step_no"] > abandoned_after:
            break
        predicted = with_predictions and row["step_no"] >= 4
        rounds.append(row | _predictions(random, row, number, family, some=predicted) | _choice(random, rule, row))
    last = rounds[-1] if rounds else {"user_score": 0.0, "bot_score": 0.0, "ts": None}
    user, bot = last["user_score"], last["bot_score"]
    finished = max(user, bot) >= 10
    winner = ("tie" if user == bot else "user" if user > bot else "bot") if finished else None
    game |= {"user_score": user, "bot_score": bot, "winner": winner, "finished_ts": last["ts"] if finished else None}
    return game, rounds


def _rounds(random: Random, game_id: str, started: datetime) -> Iterator[dict[str, Any]]:
    user_score = bot_score = 0.0
    for step in range(1, 40):
        user, bot = random.choice(MOVES), random.choice(MOVES)
        points = random.choice(POINTS)
        outcome = play_round(user_score, bot_score, user, bot, points)
        played_at = _text(started + timedelta(seconds=3 * step))
        yield {
            "game_id": game_id,
            "ts": played_at,
            "user_move": user,
            "bot_move": bot,
            "result": "draw" if user == bot else "win" if outcome.user_delta else "lose",
            "user_delta": outcome.user_delta,
            "bot_delta": outcome.bot_delta,
            "user_score": outcome.user_score,
            "bot_score": outcome.bot_score,
            "step_no": step,
            "round_rock_pts": points[0],
            "round_paper_pts": points[1],
            "round_scissors_pts": points[2],
            "created_ts_utc": played_at,
            "probability_source": "gambit" if step < 4 else "mlflow" if random.random() < 0.99 else "fallback",
        }
        if outcome.finished:
            return
        user_score, bot_score = outcome.user_score, outcome.bot_score


def _choice(random: Random, rule: ChoiceRule, row: dict[str, Any]) -> dict[str, Any]:
    """Return what a rule stores: a mixture and its draw, or one sure move."""
    if mixes := rule == BANKED:
        weights = [random.random() for _ in MOVES]
        mixture = [weight / sum(weights) for weight in weights]
    else:
        mixture = [float(move == row["bot_move"]) for move in MOVES]
    return {
        **{f"mix_{move}": share for move, share in zip(MOVES, mixture, strict=True)},
        "draw": random.random() if mixes else None,
        "budget": random.random() / 10 if mixes else None,
    }


def _model(number: int, family: Family, alias: Alias) -> tuple[str, str]:
    """Return version and run id of a slot; each slot is retrained every 5,000 games."""
    version = str(1 + number // 5_000 * len(ALIASES) + ALIASES.index(alias))
    return version, f"{FAMILIES.index(family)}{version}".zfill(32)


def _predictors(game_count: int) -> list[Any]:
    """Return the models of all slots, with the numbers that `_predictor` gives them."""
    return [
        {"id": _predictor(number, family, alias), "model_type": family, "model_version": version, "run_id": run_id}
        for number in range(0, max(game_count, 1), 5_000)
        for family in FAMILIES
        for alias in ALIASES
        for version, run_id in [_model(number, family, alias)]
    ]


def _predictor(number: int, family: Family, alias: Alias) -> int:
    return 1 + (number // 5_000 * len(FAMILIES) + FAMILIES.index(family)) * len(ALIASES) + ALIASES.index(alias)


def _predictions(random: Random, row: dict[str, Any], number: int, family: Family, *, some: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for alias, names in SLOT_COLUMNS.items():
        if not some:
            values |= dict.fromkeys(names)
            continue
        expected = row["user_move"] if random.random() < 0.4 else random.choice(MOVES)
        weights = [random.random() + (move == expected) for move in MOVES]
        numbers = (_predictor(number, family, alias), *(weight / sum(weights) for weight in weights))
        values |= zip(names, numbers, strict=True)
    return values


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
