"""Checks of the training dataset."""

from typing import TYPE_CHECKING

import dagster as dg

from rps_assets.assets import keys
from rps_assets.checks.results import check_result
from rps_assets.resources.typed import Datasets, Store, Training
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.moves import MOVES

if TYPE_CHECKING:
    import polars as pl

    from rps_assets.datasets.dataset_folder import DatasetFolder

# People repeat themselves, but a smaller share of a move means that labels were lost.
MIN_CLASS_SHARE = 0.1
MAX_CLASS_SHARE = 0.7
# People play on from day to day; a flood of games replaces most of what was known.
MIN_KNOWN_SHARE = 0.2
# A smaller store is young: a few hours of play multiply it.
MIN_EXAMPLES_TO_COMPARE = 1_000
PROBED_GAMES = 40
NAMED_AT_MOST = 20


@dg.asset_check(
    asset=keys.DATASET,
    name="columns_equal_the_contract",
    blocking=True,
    description="The feature columns are in contract order and contain no null, NaN or infinity.",
)
def columns_equal_the_contract(datasets: Datasets) -> dg.AssetCheckResult:
    """Compare the columns of the newest dataset with the contract."""
    import numpy as np

    info, finite = datasets.require_latest(), True
    features: list[str] = []
    for batch in datasets.batches(info.fingerprint, CURRENT_CONTRACT):
        features = [column for column in batch.columns if column in set(CURRENT_CONTRACT.columns)]
        finite = finite and all(np.isfinite(batch[column].to_numpy()).all() for column in features)
    return check_result(
        tuple(features) == CURRENT_CONTRACT.columns and finite,
        sentence=f"The dataset has {len(features)} of the contract's {len(CURRENT_CONTRACT.columns)} columns, "
        f"{'' if tuple(features) == CURRENT_CONTRACT.columns else 'not '}in its order, and "
        f"{'every value is a finite number' if finite else 'some values are not finite numbers'}.",
        expected={"columns": len(CURRENT_CONTRACT.columns), "first": CURRENT_CONTRACT.columns[0], "all_finite": True},
        found={"columns": len(features), "first": features[0] if features else None, "all_finite": finite},
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="every_move_has_a_fair_share",
    description=f"Each move is the label of {MIN_CLASS_SHARE:.0%} to {MAX_CLASS_SHARE:.0%} of the examples.",
)
def every_move_has_a_fair_share(datasets: Datasets) -> dg.AssetCheckResult:
    """Compare the label shares of the newest dataset with the limits."""
    info = datasets.require_latest()
    shares = {move: count / info.examples for move, count in zip(MOVES, info.label_counts, strict=True)}
    return check_result(
        all(MIN_CLASS_SHARE <= share <= MAX_CLASS_SHARE for share in shares.values()),
        sentence=f"{', '.join(f'{move} {share:.1%}' for move, share in shares.items())} of {info.examples:,} examples; "
        f"each move should have {MIN_CLASS_SHARE:.0%} to {MAX_CLASS_SHARE:.0%}.",
        expected={"least": MIN_CLASS_SHARE, "most": MAX_CLASS_SHARE},
        found=shares,
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="much_was_known_before",
    description=f"At least {MIN_KNOWN_SHARE:.0%} of the examples are no newer than the previous dataset. A smaller "
    "share means that somebody flooded the store with games: find out who played before you rely on the models.",
)
def much_was_known_before(datasets: Datasets) -> dg.AssetCheckResult:
    """Compare the newest dataset with the previous one; the first and young datasets pass.

    The check compares times, not games: each selection takes every n-th scripted game, counted from the newest, so two
    selections may have no game in common.
    """
    games, before = _played_games(datasets), datasets.before_latest()
    known = games if before is None else games.filter(games["created_at"] <= before.last_game_at)
    examples, known_examples = (int(some["examples"].sum()) for some in (games, known))
    return check_result(
        examples < MIN_EXAMPLES_TO_COMPARE or known_examples >= MIN_KNOWN_SHARE * examples,
        sentence=f"{known_examples:,} of {examples:,} examples are no newer than the previous dataset "
        f"({known_examples / max(examples, 1):.0%}; at least {MIN_KNOWN_SHARE:.0%} from {MIN_EXAMPLES_TO_COMPARE:,} "
        "examples on).",
        expected={"least_share": MIN_KNOWN_SHARE, "from_examples": MIN_EXAMPLES_TO_COMPARE},
        found={"share": known_examples / examples, "examples": examples},
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="selection_is_as_new_as_the_store",
    description="The dataset was built from a selection of its own run, or no game that would train is newer than the "
    "selection. To include newer games, materialise training/games together with training/dataset.",
)
def selection_is_as_new_as_the_store(
    context: dg.AssetCheckExecutionContext, training_settings: Training, gameplay_store: Store, datasets: Datasets
) -> dg.AssetCheckResult:
    """Count the newer games; games that ended while a run selects and builds wait for the next training."""
    from rps_assets.datasets.training_games import newer_games

    selected = context.instance.get_latest_materialization_event(keys.TRAINING_GAMES)
    of_this_run = selected is not None and selected.run_id == context.run.run_id
    with gameplay_store.connect() as connection:
        newer = newer_games(connection, training_settings, datasets.read_candidates())
    until = "has no game" if newer.selected_until is None else f"ends at {newer.selected_until:%Y-%m-%d %H:%M:%S} UTC"
    remedy = "they train next time" if of_this_run else "materialise training/games together with training/dataset"
    return check_result(
        of_this_run or not newer.games,
        sentence=f"The selection {until}; {newer.games:,} games that would train are newer, with {newer.examples:,} "
        f"examples{f': {remedy}' if newer.games else ''}.",
        expected={"newer_games": 0},
        found={"newer_games": newer.games, "newer_examples": newer.examples, "selected_by_this_run": of_this_run},
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="all_selected_human_games_are_present",
    blocking=True,
    description="Every selected human game is in the dataset.",
)
def all_selected_human_games_are_present(datasets: Datasets) -> dg.AssetCheckResult:
    """Compare the human games of the selection with those of the newest dataset."""
    found = datasets.games_of(datasets.require_latest().fingerprint, CURRENT_CONTRACT)
    games = datasets.read_games()
    selected = set(games.filter(games["player_kind"] == "human")["game_id"])
    present = set(found.filter(found["player_kind"] == "human")["game_id"])
    return check_result(
        selected == present,
        sentence=f"{len(selected & present)} of {len(selected)} selected games of people are in the dataset"
        f"{'' if present <= selected else f', and {len(present - selected)} that were not selected'}.",
        expected={"human_games": len(selected)},
        found={"human_games": len(present), "missing": sorted(selected - present)[:NAMED_AT_MOST]},
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="features_know_only_the_past",
    blocking=True,
    description=f"In {PROBED_GAMES} games, each example equals what serving computes from the earlier rounds alone: "
    "its features contain neither the labelled move nor anything later.",
)
def features_know_only_the_past(gameplay_store: Store, datasets: Datasets) -> dg.AssetCheckResult:
    """Compute the features of whole games again, each round from the rounds before it."""
    from rps_assets.datasets.verification import leaking_examples, sample_game_ids, stored_histories

    fingerprint = datasets.require_latest().fingerprint
    # The same sample for the same dataset, so that a failing check fails again when someone investigates.
    ids = sample_game_ids(_played_games(datasets), fingerprint, PROBED_GAMES)
    sample = datasets.read_games_of(fingerprint, CURRENT_CONTRACT, ids)
    with gameplay_store.connect() as connection:
        differing = leaking_examples(sample, stored_histories(connection, ids))
    return check_result(
        not differing,
        sentence=f"{len(sample) - len(differing):,} of {len(sample):,} examples of {len(ids)} games equal what serving "
        "computes from the earlier rounds alone.",
        expected={"examples": len(sample), "differing": []},
        found={"examples": len(sample), "differing": differing[:NAMED_AT_MOST]},
    )


@dg.asset_check(
    asset=keys.TRAINING_GAMES,
    name="the_stride_is_respected",
    blocking=True,
    description="Counted from the newest, every n-th scripted game was selected and no other. Games dropped because "
    "there were too many are the oldest.",
)
def the_stride_is_respected(training_settings: Training, datasets: Datasets) -> dg.AssetCheckResult:
    """Count along the scripted candidates, without the code that selects them."""
    from rps_assets.datasets.verification import misplaced_scripted_games

    selected = set(datasets.read_games()["game_id"])
    count, wrong = misplaced_scripted_games(datasets.read_candidates(), selected, training_settings)
    common = {"stride": training_settings.training_scripted_game_stride, "scripted_games": count}
    return check_result(
        not wrong,
        sentence=f"{len(wrong)} of {count:,} scripted games are selected or left out against the stride of "
        f"{training_settings.training_scripted_game_stride}.",
        expected={**common, "wrong_places": []},
        found={**common, "wrong_places": wrong[:NAMED_AT_MOST]},
    )


def _played_games(datasets: "DatasetFolder") -> "pl.DataFrame":
    """Return the games of the newest dataset without those of simulated people, which are not in the store."""
    from rps_assets.datasets.dataset_folder import is_of_prior

    games = datasets.games_of(datasets.require_latest().fingerprint, CURRENT_CONTRACT)
    return games.filter(~is_of_prior(games))


DATA_CHECKS = [
    the_stride_is_respected,
    columns_equal_the_contract,
    features_know_only_the_past,
    every_move_has_a_fair_share,
    much_was_known_before,
    selection_is_as_new_as_the_store,
    all_selected_human_games_are_present,
]
