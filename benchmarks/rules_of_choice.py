"""Measure how often each rule of choice wins against scripted players, simulated people and omniscient players.

    python -m benchmarks.rules_of_choice

`benchmarks.bank_promise` measures what Forrest's bank gives away.
Games run in process through the product's own decisions, scoring and banks. Forrest's model has learned from other
simulated people and from scripted players, half of the games each, on feature contract 3. Rates are the expected result
of each game: the raw result without the luck of the draws, which has the same mean and half the spread.
"""

import argparse
import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.arena import Arena, PlayedGame, Player, Seat, omniscient
from benchmarks.report import Table, publish
from rps_api.inference.served_models import ServedModels
from rps_api.inference.snapshot import Snapshot
from rps_core.cache import ModelCache
from rps_core.features.contract import CONTRACT_V3
from rps_core.features.step_table import GameArrays, feature_table
from rps_core.game.families import PlayingAlias, Slot
from rps_core.game.gambits import OPENING_ROUNDS
from rps_core.game.moves import MOVE_INDEX, MOVES, Move
from rps_core.game.rules import CHOICE_RULES
from rps_core.game.scoring import PlayedRound
from rps_core.simulation.people.games import play_games
from rps_core.simulation.people.person import Person
from rps_core.simulation.people.population import draw_people, shipped_population
from rps_core.simulation.people.priors import ValuePrior
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS, decide, from_user_side
from tests.builders.models import TestRegistry
from tests.builders.simulation import simulate_game

START = datetime(2026, 11, 28, tzinfo=UTC)
PRIORS: tuple[ValuePrior, ...] = ("none", "moderate", "strong")
IN_A_ROW = 20
TRAINING_GAMES = 6_000
# Games that a sleeper plays like a scripted player before it plays what it knows.
ASLEEP = 5
SEED = 11


def main() -> None:
    """Measure all rules."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=25, help="simulated people for each rule and prior")
    parser.add_argument("--sessions", type=int, default=10, help="sessions of each scripted player and rule")
    options = parser.parse_args()
    publish("rules_of_choice", [], [rates(options.people, options.sessions)])


def rates(people: int, sessions: int) -> Table:
    """Return the win rates of all rules against all players."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-") as folder:
        snapshot = learned_models(Path(folder))
    for rule in CHOICE_RULES:
        for name, makers in _players(people, sessions).items():
            played = [
                _in_a_row(Arena(snapshot, rule, Random(f"{SEED}:{name}:{number}"), start=START), make(), IN_A_ROW)
                for number, make in enumerate(makers)
            ]
            rows.append(
                [
                    rule,
                    name,
                    interval([session[0].expected for session in played]),
                    interval([statistics.fmean(game.expected for game in session) for session in played]),
                    interval([statistics.fmean(game.expected for game in session[10:]) for session in played]),
                ]
            )
            print(*rows[-1], flush=True)
    columns = ("rule", "player", "first game", f"games 1 to {IN_A_ROW}", f"games 11 to {IN_A_ROW}")
    return Table("Share of games that the bot wins, with 95 % intervals over sessions", columns, rows)


def learned_models(folder: Path) -> Snapshot:
    """Fill a model cache with one model of trees for both of Forrest's aliases, and return it as the API holds it.

    The model has learned from simulated people and from scripted players.
    """
    from rps_assets.training.dataset import TrainingDataset
    from rps_assets.training.fit import train_model
    from rps_assets.training.parameters import default_configuration

    slot = Slot("xgboost", "Production")
    games = _training_games()
    ends = np.append(games.starts[1:], len(games.user))
    numbers = np.repeat(np.arange(len(games.starts)), ends - games.starts)
    after_opening = np.arange(len(games.user)) - games.starts[numbers] >= OPENING_ROUNDS
    features = np.ascontiguousarray(feature_table(games).T[after_opening])
    dataset = TrainingDataset(
        features, games.user[after_opening].astype(np.int64), numbers[after_opening], "benchmark", contract=CONTRACT_V3
    )
    trained = train_model(dataset, default_configuration(*slot), seed=SEED)
    print(f"trained on {len(dataset)} rounds: accuracy {trained.metrics['test_accuracy']:.3f}", flush=True)
    registry = TestRegistry.in_folder(folder)
    aliases: tuple[PlayingAlias, ...] = ("Production", "B")
    registry.synchronise(
        [
            registry.version(Slot(slot.family, alias), number, trained.onnx_bytes, CONTRACT_V3)
            for number, alias in enumerate(aliases, start=1)
        ]
    )
    served = ServedModels(ModelCache.open(f"file://{folder}"), lambda: datetime.now(UTC))
    served.refresh()
    return served.snapshot


def _training_games() -> GameArrays:
    """Return games in random order: of simulated people, a third of each prior, and of scripted players."""
    random, population = np.random.default_rng(SEED), shipped_population()
    crowds = [
        play_games(population, draw_people(population, prior, TRAINING_GAMES // 6, random), random) for prior in PRIORS
    ]
    rounds = [
        simulate_game(f"scripted-{number}", SCRIPTED_PLAYERS[number % len(SCRIPTED_PLAYERS)], Random(number))
        for number in range(TRAINING_GAMES // 2)
    ]
    split = [_game_of(crowd, number) for crowd in crowds for number in range(len(crowd.starts))]
    split += [_arrays_of(game) for game in rounds]
    order = random.permutation(len(split))
    user, bot, points, user_score, bot_score = (
        np.concatenate([split[number][column] for number in order]) for column in range(5)
    )
    lengths = np.array([len(split[number].user) for number in order])
    return GameArrays(user, bot, points, user_score, bot_score, np.concatenate([[0], lengths.cumsum()[:-1]]))


def _game_of(games: GameArrays, number: int) -> GameArrays:
    end = games.starts[number + 1] if number + 1 < len(games.starts) else len(games.user)
    rows = slice(games.starts[number], end)
    user, bot, points, user_score, bot_score = (column[rows] for column in games[:5])
    return GameArrays(user, bot, points, user_score, bot_score, np.zeros(1, np.int64))


def _arrays_of(history: Sequence[PlayedRound]) -> GameArrays:
    return GameArrays(
        np.array([MOVE_INDEX[played.user_move] for played in history]),
        np.array([MOVE_INDEX[played.bot_move] for played in history]),
        np.array([played.points for played in history]),
        np.array([played.user_score for played in history]),
        np.array([played.bot_score for played in history]),
        np.zeros(1, np.int64),
    )


def _players(people: int, sessions: int) -> dict[str, Sequence[Callable[[], Player]]]:
    the_eight = [
        lambda player=player, number=number: scripted(player, Random(f"{player}:{number}"))
        for player in SCRIPTED_PLAYERS
        for number in range(sessions)
    ]
    uniform = [lambda number=number: _uniform(Random(f"uniform:{number}")) for number in range(people)]
    crowds = {
        f"people, {prior} values": [
            lambda number=number, prior=prior: _person(Person(np.random.default_rng(number), prior))
            for number in range(people)
        ]
        for prior in PRIORS
    }
    sleepers = [lambda number=number: _sleeper(Random(f"sleeper:{number}")) for number in range(people)]
    omniscients = [lambda: omniscient] * people
    return {"the eight": the_eight, **crowds, "uniform": uniform, "omniscient": omniscients, "sleeper": sleepers}


def scripted(player: str, random: Random) -> Player:
    """Return a scripted player."""
    return lambda seat: decide(player, from_user_side(seat.game.rounds), seat.upcoming.points, random)


def _sleeper(random: Random) -> Player:
    asleep, games = scripted("ace", random), 0

    def play(seat: Seat) -> Move:
        nonlocal games
        games += not seat.game.rounds
        return asleep(seat) if games <= ASLEEP else omniscient(seat)

    return play


def _uniform(random: Random) -> Player:
    return lambda _seat: random.choice(MOVES)


def _person(person: Person) -> Player:
    def play(seat: Seat) -> Move:
        if not seat.game.rounds:
            person.start_game()
        return person.choose(seat.game.rounds, seat.upcoming.points)

    return play


def _in_a_row(arena: Arena, player: Player, games: int, session: str = "s") -> list[PlayedGame]:
    return [arena.play_game(session, player) for _ in range(games)]


def interval(values: Sequence[float]) -> str:
    """Return the mean with its 95 % interval."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.3f}"
    return f"{mean:.3f} ± {1.96 * statistics.stdev(values) / math.sqrt(len(values)):.3f}"


if __name__ == "__main__":
    main()
