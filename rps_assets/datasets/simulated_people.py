"""Games of simulated people, from which models learn before people play: whole games, and a prior made of them.

Each person keeps type and weights in 1 to 20 games, so that models learn what a person's earlier games say. Every other
game is played as if by a stranger: first games would be one in ten otherwise, and they are what a new player meets. The
opponents are uniform or predictors that know only the game they are in, never our models: those train on these games.
Half of the games are classic, as recordings are. In the others, each person weighs values by one of the three priors.
"""

import hashlib
from datetime import UTC, datetime

import msgspec
import numpy as np
import polars as pl

from rps_assets.datasets.build import GAME_SCHEMA, compute, round_schema
from rps_assets.datasets.dataset_folder import SIMULATED_KIND, DatasetFolder
from rps_assets.datasets.feature_tables import FeatureTable
from rps_core.features.step_table import GameArrays
from rps_core.game.moves import MOVES
from rps_core.simulation.people.games import play_games
from rps_core.simulation.people.population import (
    IntArray,
    Population,
    Traits,
    draw_people,
    shipped_population,
)
from rps_core.simulation.people.priors import VALUE_PRIORS

SEED = 1
MOST_GAMES_EACH = 20
MOST_REMEMBERED = 20
CLASSIC_SHARE = 0.5
# Older than any game that is played, so the prior comes first in training order.
CREATED_AT = datetime(2000, 1, 1, tzinfo=UTC)
# To be raised when the same seed and parameters give other games.
RECIPE = 1
# Examples of people's games, without recordings, that halve the weight of the prior, and its least weight; see
# docs/strength.md.
HALVING_EXAMPLES = 500
LEAST_WEIGHT = 0.1


def version_of(population: Population, games: int, seed: int = SEED) -> str:
    """Return the identity of simulated games: SHA-256 (hex) of recipe, seed, number of games and parameters."""
    digest = hashlib.sha256(f"{RECIPE} {seed} {games}\n".encode())
    digest.update(msgspec.json.encode(population))
    return digest.hexdigest()


def simulate_people(population: Population, games: int, seed: int = SEED) -> pl.DataFrame:
    """Play the games; equal arguments give equal games.

    Returns:
        game_id, person, game_no (of the person, from 1) and the columns of `round_schema`, by game and round.
    """
    random = np.random.default_rng(seed)
    people = _people_of_games(games, random)
    traits = _draw_mixed(population, int(people.max()) + 1, random)
    classic = random.random(games) < CLASSIC_SHARE
    played = play_games(population, traits.of(people), random, classic=classic)
    return _rounds(played, people, seed)


def _people_of_games(games: int, random: np.random.Generator) -> IntArray:
    """Return the person of each game: each plays 1 to 20 games, one after the other."""
    counts = random.integers(1, MOST_GAMES_EACH + 1, size=games)
    return np.repeat(np.arange(games), counts)[:games]


def _draw_mixed(population: Population, people: int, random: np.random.Generator) -> Traits:
    """Draw people of whom each third weighs values by another prior."""
    drawn = [draw_people(population, prior, people, random) for prior in VALUE_PRIORS]
    prior = np.arange(people) % len(VALUE_PRIORS)
    return Traits(*(np.choose(prior, [each[at] for each in drawn]) for at in range(3)))


def _rounds(played: GameArrays, people: IntArray, seed: int) -> pl.DataFrame:
    lengths = np.diff(np.append(played.starts, len(played.user)))
    game = np.repeat(np.arange(len(lengths)), lengths)
    first_of_person = np.flatnonzero(np.diff(people, prepend=-1))
    game_no = np.arange(len(people)) - first_of_person[people] + 1
    ids = [f"simulated-{seed}-{number:05d}" for number in range(len(lengths))]
    moves = {
        f"{side}_move": pl.Series(np.array(MOVES)[found]) for side, found in zip(("user", "bot"), played, strict=False)
    }
    columns = {
        "game_id": pl.Series(ids)[game],
        "person": people[game],
        "game_no": game_no[game],
        "round_no": np.arange(len(game)) - played.starts[game] + 1,
        **moves,
        **{f"{move}_pts": played.points[:, number] for number, move in enumerate(MOVES)},
        "user_score": played.user_score,
        "bot_score": played.bot_score,
    }
    return pl.DataFrame(columns, schema_overrides=round_schema())


def materialise(datasets: DatasetFolder, games: int, table: FeatureTable) -> bool:
    """Store the simulated games and the prior, unless those of this release are there; return whether they are new.

    Without games the prior is left out.
    """
    population = shipped_population()
    version = version_of(population, games)
    is_known = datasets.read_simulated(version) is not None and datasets.read_prior(table.contract) is not None
    if not is_known:
        rounds = simulate_people(population, games)
        datasets.write_simulated(rounds, version)
        datasets.write_prior(*prior_of(rounds, table), table.contract)
    return not is_known


def weighted_prior(
    datasets: DatasetFolder, table: FeatureTable, games: int, people_examples: int
) -> pl.DataFrame | None:
    """Return the games of the prior with their weight, as `DatasetFolder.write` takes them; None without a prior.

    The features of another contract, or of other parameters, are computed first.
    """
    if games == 0:
        return None
    materialise(datasets, games, table)
    prior = datasets.read_prior(table.contract)
    return None if prior is None else prior.with_columns(weight=pl.lit(prior_weight(people_examples)))


def prior_of(rounds: pl.DataFrame, table: FeatureTable) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the games (game_id, created_at, player_kind, player) and the examples of the prior, in training order."""
    played = rounds.group_by("game_id", maintain_order=True).agg(pl.col("person", "game_no").first())
    # Games are in the order of people and of their games, so the earlier ones of a person come right before.
    ids, numbers = played["game_id"].to_list(), played["game_no"].to_list()
    remembered = [
        msgspec.json.encode(ids[max(at - MOST_REMEMBERED, at + 1 - number) : at][::-1] if at % 2 else []).decode()
        for at, number in enumerate(numbers)
    ]
    whole = {"easy_mode": 0, "has_ended": True, "is_played": True, "created_at": CREATED_AT}
    games = played.select("game_id").with_columns(
        *(pl.lit(value).alias(name) for name, value in whole.items()), remembered_games=pl.Series(remembered)
    )
    games = games.select(pl.col(name).cast(dtype) for name, dtype in GAME_SCHEMA.items())
    plain = rounds.select(*round_schema())
    examples = compute(games, plain, plain, table)
    named = ("simulated-" + played["person"].cast(pl.String)).alias("player")
    return games.select("game_id", "created_at", pl.lit(SIMULATED_KIND).alias("player_kind"), named), examples


def prior_weight(people_examples: int) -> float:
    """Return the weight of a simulated example, where an example of a person or a scripted player has the weight 1."""
    return max(LEAST_WEIGHT, HALVING_EXAMPLES / (HALVING_EXAMPLES + people_examples))
