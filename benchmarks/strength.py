"""How well the bots read people, and how often they win: the figures of docs/strength.md.

    python -m benchmarks.strength study_a.parquet study_b.parquet --shares-from study_b.parquet

1. Accuracy on recorded people that no model has seen, by five folds over people. The simulated people are fitted again
   without each fold (`tools.fit_people`); with `--shipped`, those of the release are used.
2. Win rates on-policy against simulated people, the eight scripted players and a uniform player, for models that know
   more and more. Here the simulated people are those of the release.

Writes the numbers with the seed to `benchmarks/results/strength.json`, the tables to `benchmarks/results/strength.md`,
and the plot to `docs/images/strength.png`.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.matches import Bot, People, Predict, Scripted, play, play_in_a_row
from rps_assets.datasets.drawn_values import with_drawn_values
from rps_assets.datasets.feature_frame import feature_frame
from rps_assets.datasets.feature_tables import game_arrays
from rps_assets.datasets.simulated_people import prior_weight, simulate_people
from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.fit import fit_production
from rps_assets.training.parameters import default_configuration
from rps_cli.evaluation.figures import window_figures
from rps_cli.evaluation.recordings import Examples, examples_of
from rps_cli.importers import read_games
from rps_cli.importers.recorded import RecordedGame
from rps_cli.importers.recordings import Piece, cut_recording
from rps_core.features.contract import CONTRACT_V2, CONTRACT_V3, FeatureContract
from rps_core.features.step_table import GameArrays, feature_table, person_counts, remembered_counts
from rps_core.game.families import FAMILIES, Family
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import MOVE_INDEX, MOVES
from rps_core.game.scoring import DRAW_POINTS
from rps_core.markdown import markdown_table
from rps_core.promotion.statistics import wilson_interval
from rps_core.settings import TrainingSettings
from rps_core.simulation.people.population import PersonType, Population, draw_people, shipped_population
from rps_core.simulation.people.priors import VALUE_PRIORS
from tools import fit_people

ROOT = Path(__file__).parents[1]
RESULTS, TABLES = ROOT / "benchmarks/results/strength.json", ROOT / "benchmarks/results/strength.md"
PICTURE = ROOT / "docs/images/strength.png"
SEED, FOLDS = 20_261_128, 5
# As `tools.fit_people`: shorter recordings show no habits.
LEAST_ROUNDS = 3
GAMES, SCRIPTED_GAMES, GAMES_EACH, LATE_GAMES, REMEMBERED = 2_000, 300, 20, 10, 20
REAL_GAMES = (200, 2_000)
# Spread of the weights of people whose types the prior does not have, and the share of weights with the other sign.
OTHER_NOISE, OTHER_FLIPPED = 0.15, 0.1
OLD = "contract 2, scripted players only"
FRESH = "contract 3, scripted players and simulated people (a fresh install)"
IMPORTED = "the same, with recordings"


class Part(NamedTuple):
    """Games that train.

    Attributes:
        games: their rounds.
        people: the person of each game, in the order of their games; -1 if nothing is remembered.
        is_prior: whether they are simulated games of the prior.
        is_recorded: whether they are recordings, which leave the weight of the prior as it is.
    """

    games: GameArrays
    people: npt.NDArray[np.int64]
    is_prior: bool = False
    is_recorded: bool = False


class Model(NamedTuple):
    """A trained model."""

    predict: Predict
    contract: FeatureContract


def other_people(seed: int) -> Population:
    """Return people of types that the prior does not have: weights of all types mixed, moved, and some turned round."""
    random, shipped = np.random.default_rng(seed), shipped_population()
    weights = np.array([each.weights for each in shipped.types])
    types = []
    for _ in shipped.types:
        mixed = weights[random.integers(len(weights), size=weights.shape[1]), np.arange(weights.shape[1])]
        mixed = mixed + random.normal(0, OTHER_NOISE, len(mixed))
        mixed[random.random(len(mixed)) < OTHER_FLIPPED] *= -1
        types.append(PersonType(share=1 / len(shipped.types), lapse=0.02, weights=tuple(mixed.tolist())))
    return msgspec.structs.replace(shipped, types=tuple(types))


def scripted_games(games: int, seed: int) -> Part:
    """Return games of the eight scripted players against bots without a model, as `rps up` plays them at first."""
    random = np.random.default_rng(seed)
    found = play(Scripted(games, seed), Bot(games, seed), games, random)
    return Part(found.games, np.full(games, -1))


def prior_games(population: Population) -> Part:
    """Return the games of simulated people that models learn from."""
    rounds = simulate_people(population, TrainingSettings().training_simulated_games)
    people = rounds.group_by("game_id", maintain_order=True).agg(pl.col("person").first())["person"].to_numpy()
    return Part(game_arrays(rounds), people, is_prior=True)


def recorded_games(recordings: Sequence[RecordedGame]) -> list[Part]:
    """Return the pieces of recordings that an import keeps: as they are, and again with drawn values."""
    pieces, people = [], []
    for number, recording in enumerate(recordings):
        for piece in cut_recording(recording.rounds):
            if piece.trains:
                pieces.append(_arrays_of(piece))
                people.append(number)
    starts = np.cumsum([0, *(len(piece[0]) for piece in pieces)])[:-1]
    user, bot, points, user_score, bot_score = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    classic = GameArrays(user, bot, points, user_score, bot_score, starts)
    drawn = game_arrays(with_drawn_values(rounds_frame(classic)))
    return [Part(games, np.array(people), is_recorded=True) for games in (classic, drawn)]


def _arrays_of(piece: Piece) -> tuple[npt.NDArray[Any], ...]:
    user = np.array([MOVE_INDEX[each.user_move] for each in piece.rounds])
    bot = np.array([MOVE_INDEX[each.bot_move] for each in piece.rounds])
    result = (user - bot) % 3
    draw = np.where(result == 0, DRAW_POINTS, 0.0)
    scores = [(draw + (result == side)).cumsum() for side in (1, 2)]
    return user, bot, np.ones((len(user), 3)), *scores


def train(parts: Sequence[Part], contract: FeatureContract, family: Family = "xgboost") -> Model:
    """Fit a family with its first configuration, as the product does; people's games lower the weight of the prior."""
    features, labels, games, weights, simulated = [], [], [], [], []
    people = sum(
        _rows_of(part) for part in parts if not (part.is_prior or part.is_recorded) and (part.people >= 0).any()
    )
    for part in sorted(parts, key=lambda part: not part.is_prior):
        rows, move, game = _examples_of(part, contract)
        features.append(rows)
        labels.append(move)
        # Each part starts with the first fifth of a split, so a recording and its copy are on the same side.
        games.append(game + (-(-(games[-1][-1] + 1) // 5) * 5 if games else 0))
        weights.append(np.full(len(move), prior_weight(people) if part.is_prior else 1.0))
        simulated.append(np.full(len(move), part.is_prior))
    dataset = TrainingDataset(
        features=np.concatenate(features),
        labels=np.concatenate(labels),
        games=np.concatenate(games),
        fingerprint="",
        contract=contract,
        weights=np.concatenate(weights),
        simulated=np.concatenate(simulated),
    )
    _, model = fit_production(dataset, default_configuration(family, "Production"), SEED % 1_000, threads=1)
    return Model(lambda rows: model.predict(rows.astype(np.float64)), contract)


def _rows_of(part: Part) -> int:
    return int((_round_numbers(part.games) >= FIRST_POLICY_ROUND).sum())


def _round_numbers(games: GameArrays) -> npt.NDArray[np.int64]:
    lengths = np.diff(np.append(games.starts, len(games.user)))
    return np.arange(len(games.user)) - np.repeat(games.starts, lengths) + 1


def _examples_of(part: Part, contract: FeatureContract) -> tuple[npt.NDArray[Any], ...]:
    """Return features, moves and numbers of games of the rounds that a policy decided."""
    lengths = np.diff(np.append(part.games.starts, len(part.games.user)))
    number = np.repeat(np.arange(len(lengths)), lengths)
    rows = _round_numbers(part.games) >= FIRST_POLICY_ROUND
    if contract == CONTRACT_V2:
        frame = rounds_frame(part.games).with_columns(easy_mode=0)
        features = feature_frame(frame, 1).select(contract.columns).to_numpy()
    else:
        features = feature_table(part.games, _remembered(part)).T
    return features[rows], part.games.user[rows], number[rows]


def _remembered(part: Part) -> npt.NDArray[np.int32]:
    people = part.people
    first = np.zeros(len(people), dtype=np.int64)
    for at in range(1, len(people)):
        first[at] = first[at - 1] if people[at] == people[at - 1] and people[at] >= 0 else at
    # As in `rps_assets.datasets.simulated_people`: every other game of the prior is played as if by a stranger.
    kept = [
        range(max(int(start), at - REMEMBERED), at) if at % 2 or not part.is_prior else range(0)
        for at, start in enumerate(first)
    ]
    return remembered_counts(person_counts(part.games), kept)


def rounds_frame(games: GameArrays) -> pl.DataFrame:
    """Return rounds as the store holds them."""
    lengths = np.diff(np.append(games.starts, len(games.user)))
    return pl.DataFrame(
        {
            "game_id": np.repeat(np.arange(len(lengths)), lengths),
            "round_no": _round_numbers(games),
            "user_move": np.array(MOVES)[games.user],
            "bot_move": np.array(MOVES)[games.bot],
            **{f"{move}_pts": games.points[:, at] for at, move in enumerate(MOVES)},
            "user_score": games.user_score,
            "bot_score": games.bot_score,
        }
    )


def accuracy_rows(
    recordings: Mapping[str, Sequence[RecordedGame]], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return the accuracy of each kind of training on unseen people, by file and window."""
    named = [(name, game) for name, games in recordings.items() for game in games]
    fold_of = np.random.default_rng(SEED).permutation(len(named)) % FOLDS
    examples = examples_of([game for _, game in named], (2, 3))
    scripted = scripted_games(SCRIPTED_GAMES, SEED)
    probabilities: dict[str, npt.NDArray[np.float64]] = {}
    for fold in range(FOLDS):
        seen = [each for at, each in enumerate(named) if fold_of[at] != fold]
        unseen = fold_of[examples.people] == fold
        prior = prior_games(shipped_population() if options.shipped else refitted(seen, options.shares_from.name))
        recorded = recorded_games([game for _, game in seen])
        trainings = {OLD: ([scripted], CONTRACT_V2), FRESH: ([scripted, prior], CONTRACT_V3)}
        trainings[IMPORTED] = [scripted, prior, *recorded], CONTRACT_V3
        for name, (parts, contract) in trainings.items():
            for family in FAMILIES:
                model = train(parts, contract, family)
                rows = examples.rows[contract.version][unseen].astype(np.float32)
                found = probabilities.setdefault(f"{name}|{family}", np.full((len(examples.moves), 3), np.nan))
                found[unseen] = model.predict(rows)
        _say(f"fold {fold + 1} of {FOLDS}")
    files = np.array([name for name, _ in named])[examples.people]
    return [
        {"training": key.split("|")[0], "family": key.split("|")[1], "people_of": file, **one._asdict()}
        for key, found in probabilities.items()
        for file in recordings
        for one in window_figures(examples_where(examples, files == file), found[files == file])
    ]


def examples_where(examples: Examples, rows: npt.NDArray[np.bool_]) -> Examples:
    """Return some of the rounds, without their features."""
    return Examples(examples.moves[rows], examples.round_no[rows], examples.people[rows], {})


def refitted(named: Sequence[tuple[str, RecordedGame]], shares_from: str) -> Population:
    """Return simulated people fitted on recordings by file; people of `shares_from` met adaptive bots."""
    people = [(name, moves_of(recording)) for name, recording in named]
    files, moves = zip(*((name, found) for name, found in people if len(found) > LEAST_ROUNDS), strict=True)
    decisions = fit_people.decisions_of(moves)
    found = fit_people.fit(decisions, len(moves), types=6, seed=1)
    found = found._replace(shares=fit_people.shares_of(decisions, found, np.array(files) == shares_from))
    fitting = argparse.Namespace(reactivity=1.75, source="", licence="")
    return msgspec.convert(fit_people.document(found, moves, fitting), Population)


def moves_of(recording: RecordedGame) -> npt.NDArray[np.int64]:
    """Return the moves of a recording, (rounds, 2), without rounds that lack one."""
    known = (each for each in recording.rounds if {each.user_move, each.bot_move} <= set(MOVE_INDEX))
    return np.array([(MOVE_INDEX[each.user_move], MOVE_INDEX[each.bot_move]) for each in known])


def win_rows(recordings: Mapping[str, Sequence[RecordedGame]], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the win rates of each kind of training against each kind of player."""
    scripted, prior = scripted_games(SCRIPTED_GAMES, SEED), prior_games(shipped_population())
    trainings: dict[str, tuple[list[Part], FeatureContract]] = {
        OLD: ([scripted], CONTRACT_V2),
        FRESH: ([scripted, prior], CONTRACT_V3),
    }
    if recordings:
        every = [game for games in recordings.values() for game in games]
        trainings[IMPORTED] = [scripted, prior, *recorded_games(every)], CONTRACT_V3
    fresh, others = train(*trainings[FRESH]), other_people(SEED)
    for games in REAL_GAMES:
        real = real_games(others, fresh, games)
        trainings[f"a fresh install, after {games:,} games of other people"] = [scripted, prior, real], CONTRACT_V3
    rows = []
    for name, (parts, contract) in trainings.items():
        for family in FAMILIES if name == FRESH else (FAMILIES[0],):
            model = train(parts, contract, family)
            rows += [
                {"training": name, "family": family, "against": against, **found}
                for against, found in matches(model, others, options.games).items()
            ]
            _say(f"{name}, {family}")
    return rows


def real_games(population: Population, model: Model, games: int) -> Part:
    """Return games that people played against a fresh install, each person one to twenty."""
    random = np.random.default_rng(SEED + games)
    counts = random.integers(1, GAMES_EACH + 1, size=games)
    people = np.repeat(np.arange(games), counts)[:games]
    traits = draw_people(population, "moderate", int(people.max()) + 1, random).of(people)
    bot = Bot(games, SEED, model.predict, model.contract)
    return Part(play(People(population, traits, random), bot, games, random).games, people)


def matches(model: Model, others: Population, games: int) -> dict[str, dict[str, float]]:
    """Return the win rates of a model against each kind of player, with 95 % intervals."""
    found = {}
    for name, population in (("simulated people", shipped_population()), ("people of other types", others)):
        for prior in VALUE_PRIORS if name == "simulated people" else ("moderate",):
            random = np.random.default_rng(SEED)
            people = People(population, draw_people(population, prior, games, random), random)
            bot = Bot(games, SEED, model.predict, model.contract)
            found[f"{name}, values {prior}, one game"] = rate_of(play(people, bot, games, random).won[:, None])
            if model.contract != CONTRACT_V2:
                late = late_games(model, population, prior, games)
                found[f"{name}, values {prior}, games 11 to 20"] = rate_of(late)
    for name, uniform in (("the eight scripted players", False), ("a uniform player", True)):
        players, random = Scripted(games, SEED, uniform=uniform), np.random.default_rng(SEED)
        bot = Bot(games, SEED, model.predict, model.contract)
        found[name] = rate_of(play(players, bot, games, random).won[:, None])
    return found


def late_games(model: Model, population: Population, prior: Any, games: int) -> npt.NDArray[np.float64]:
    """Return the results of the last games of people who play twenty, (people, games)."""
    random = np.random.default_rng(SEED)
    traits = draw_people(population, prior, games // LATE_GAMES, random)
    results = play_in_a_row(
        population,
        traits,
        model.predict,
        model.contract,
        games_each=GAMES_EACH,
        most_remembered=REMEMBERED,
        random=random,
    )
    return results[:, -LATE_GAMES:]


def rate_of(results: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return the share of decided games that the bot won; the interval takes each person as one observation."""
    decided = results[results != 0.5]
    rate = float(decided.mean())
    if results.shape[1] == 1:
        low, high = wilson_interval(int(decided.sum()), len(decided))
    else:
        random = np.random.default_rng(0)
        by_person = np.nanmean(np.where(results == 0.5, np.nan, results), axis=1)
        means = by_person[random.integers(len(by_person), size=(2_000, len(by_person)))].mean(1)
        low, high = map(float, np.percentile(means, [2.5, 97.5]))
    return {"games": int(results.size), "rate": rate, "low": low, "high": high}


def tables(accuracies: Sequence[Mapping[str, Any]], wins: Sequence[Mapping[str, Any]]) -> str:
    """Return both tables in Markdown."""
    first = markdown_table(
        ("trained on", "family", "people of", "rounds", "people", "accuracy", "95 %", "log loss", "best reply"),
        [
            (
                *(row[name] for name in ("training", "family", "people_of", "window", "people")),
                f"{row['accuracy']:.3f}",
                f"{row['accuracy_low']:.3f}-{row['accuracy_high']:.3f}",
                f"{row['log_loss']:.3f}",
                f"{row['best_reply_score']:+.3f}",
            )
            for row in accuracies
        ],
    )
    second = markdown_table(
        ("trained on", "family", "against", "games", "won", "95 %"),
        [
            (*(row[name] for name in ("training", "family", "against", "games")), f"{row['rate']:.3f}",
             f"{row['low']:.3f}-{row['high']:.3f}")
            for row in wins
        ],
    )  # fmt: skip
    return f"{first}\n\n{second}\n"


def draw(wins: Sequence[Mapping[str, Any]]) -> bytes:
    """Draw the win rates of the first family as PNG."""
    from rps_assets.training.intervals import Interval, intervals_plot

    intervals = [
        Interval(f"{row['against']} | {row['training']}"[:70], row["rate"], row["low"], row["high"])
        for row in wins
        if row["family"] == FAMILIES[0] and "one game" in row["against"]
    ]
    return intervals_plot(intervals, "Games won by Forrest", "share of decided games (dotted: half)", 0.5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write numbers, tables and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="recordings, as rps import-rounds reads them")
    parser.add_argument("--shares-from", type=Path, help="the file whose people met adaptive bots")
    parser.add_argument("--shipped", action="store_true", help="use the simulated people of the release in all folds")
    parser.add_argument("--games", type=int, default=GAMES, help="games against each kind of player")
    parser.add_argument("--only", choices=("accuracy", "wins"), help="measure this part; the results keep the other")
    options = parser.parse_args(arguments)
    fits = options.files and not options.shipped and options.only != "wins"
    if fits and (options.shares_from is None or options.shares_from.name not in {file.name for file in options.files}):
        parser.error("--shares-from must name one of the files, unless --shipped")
    started = time.monotonic()
    recordings = {file.name: read_games(file)[0] for file in options.files}
    found: dict[str, Any] = json.loads(RESULTS.read_bytes()) if options.only and RESULTS.exists() else {}
    found["seed"] = SEED
    if recordings and options.only != "wins":
        found["accuracy"] = accuracy_rows(recordings, options)
    if options.only != "accuracy":
        found["wins"] = win_rows(recordings, options)
        PICTURE.write_bytes(draw(found["wins"]))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    TABLES.write_text(tables(found.get("accuracy", []), found.get("wins", [])))
    _say(f"wrote {RESULTS}, {TABLES} and {PICTURE} after {time.monotonic() - started:.0f} s")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
