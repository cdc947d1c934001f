"""Checks on the training dataset."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Connection, Engine

from rps_assets.assets import keys
from rps_assets.checks.results import verdict
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.history import features_from_history
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound
from rps_core.settings import Settings

if TYPE_CHECKING:
    import polars as pl


# People repeat themselves, but a move below this share means that labels were lost.
MIN_CLASS_SHARE = 0.1
MAX_CLASS_SHARE = 0.7
# People play on from day to day; a flood of games replaces most of what was learned from.
MIN_KNOWN_SHARE = 0.2
# Below this a store is young, and a few hours of play are many times what there was.
MIN_EXAMPLES_TO_COMPARE = 1_000
PROBED_GAMES = 40
EASY_MODE = CURRENT_CONTRACT.columns.index("easy_mode")


@dg.asset_check(
    asset=keys.DATASET,
    name="columns_equal_the_contract",
    blocking=True,
    description="The 50 feature columns stand in contract order, without nulls, NaN or infinities.",
)
def columns_equal_the_contract(datasets: dg.ResourceParam[Any]) -> dg.AssetCheckResult:
    """Compare the columns of the newest dataset with the contract."""
    import numpy as np

    _, frame = datasets.read_latest(CURRENT_CONTRACT)
    features = [column for column in frame.columns if column in set(CURRENT_CONTRACT.columns)]
    finite = bool(np.isfinite(frame.select(features).to_numpy()).all())
    return verdict(
        tuple(features) == CURRENT_CONTRACT.columns and finite,
        expected={"columns": len(CURRENT_CONTRACT.columns), "first": CURRENT_CONTRACT.columns[0], "all_finite": True},
        found={"columns": len(features), "first": features[0] if features else None, "all_finite": finite},
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="every_move_has_a_fair_share",
    description=f"Each move is the label of {MIN_CLASS_SHARE:.0%} to {MAX_CLASS_SHARE:.0%} of the examples.",
)
def every_move_has_a_fair_share(datasets: dg.ResourceParam[Any]) -> dg.AssetCheckResult:
    """Look at the label shares of the newest dataset."""
    info, _ = datasets.read_latest(CURRENT_CONTRACT)
    shares = {move: count / info.examples for move, count in zip(MOVES, info.label_counts, strict=True)}
    return verdict(
        all(MIN_CLASS_SHARE <= share <= MAX_CLASS_SHARE for share in shares.values()),
        expected={"least": MIN_CLASS_SHARE, "most": MAX_CLASS_SHARE},
        found=shares,
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="much_was_known_before",
    description=f"At least {MIN_KNOWN_SHARE:.0%} of the examples are no newer than the dataset before. Where fewer "
    "are, somebody has flooded the store with games: look at who played before the models are relied on.",
)
def much_was_known_before(datasets: dg.ResourceParam[Any]) -> dg.AssetCheckResult:
    """Compare the newest dataset with the one before it; a young one, or the first, has nothing to be compared with.

    By time and not by game: each selection takes every n-th scripted game, counted from the newest, so that two
    selections may share none.
    """
    info, frame = datasets.read_latest(CURRENT_CONTRACT)
    before = datasets.before_latest()
    known = info.examples if before is None else int((frame["created_at"] <= before.last_game_at).sum())
    return verdict(
        info.examples < MIN_EXAMPLES_TO_COMPARE or known >= MIN_KNOWN_SHARE * info.examples,
        expected={"least_share": MIN_KNOWN_SHARE, "from_examples": MIN_EXAMPLES_TO_COMPARE},
        found={"share": known / info.examples, "examples": info.examples},
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="all_selected_human_games_are_present",
    blocking=True,
    description="No human game that was selected got lost on the way into the dataset.",
)
def all_selected_human_games_are_present(datasets: dg.ResourceParam[Any]) -> dg.AssetCheckResult:
    """Compare the selection's human games with those of the newest dataset."""
    import polars as pl

    _, frame = datasets.read_latest(CURRENT_CONTRACT)
    human = pl.col("player_kind") == "human"
    selected = set(datasets.read_games().filter(human)["game_id"])
    present = set(frame.filter(human)["game_id"])
    return verdict(
        selected == present,
        expected={"human_games": len(selected)},
        found={"human_games": len(present), "missing": sorted(selected - present)[:20]},
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="features_know_only_the_past",
    blocking=True,
    description=f"For {PROBED_GAMES} games, each example equals what serving computes from the rounds before it alone: "
    "neither the labelled move nor anything later is in its features.",
)
def features_know_only_the_past(
    gameplay_store: dg.ResourceParam[Engine], datasets: dg.ResourceParam[Any]
) -> dg.AssetCheckResult:
    """Build the features of whole games again, round by round, each from the rounds that were over by then."""
    info, frame = datasets.read_latest(CURRENT_CONTRACT)
    # A fixed sample for each dataset: a check that fails must fail again when someone looks.
    ids = (
        frame["game_id"]
        .unique(maintain_order=True)
        .sample(min(PROBED_GAMES, info.games), seed=int(info.fingerprint[:8], 16))
    )
    sample = frame.filter(frame["game_id"].is_in(ids.to_list()))
    with gameplay_store.connect() as connection:
        differing = leaking_examples(sample, stored_histories(connection, ids.to_list()))
    return verdict(
        not differing,
        expected={"examples": len(sample), "differing": []},
        found={"examples": len(sample), "differing": differing[:20]},
    )


def stored_histories(connection: Connection, game_ids: list[str]) -> dict[str, list[PlayedRound]]:
    """Return the rounds of games as they were played, in order."""
    from rps_assets.assets.training_data import read_rounds

    rounds = read_rounds(connection, game_ids).sort("game_id", "round_no")
    histories: dict[str, list[PlayedRound]] = {}
    for game_id, number, user, bot, rock, paper, scissors, user_score, bot_score in rounds.iter_rows():
        played = PlayedRound(number, user, bot, (rock, paper, scissors), user_score, bot_score)
        histories.setdefault(game_id, []).append(played)
    return histories


def leaking_examples(frame: "pl.DataFrame", histories: Mapping[str, Sequence[PlayedRound]]) -> list[str]:
    """Return the examples that are not what the rounds before them give, or not labelled with the move that followed.

    Whether a game was easy is known before it begins, so it is taken from the example itself.
    """
    differing = []
    for game_id, number, label, *features in frame.select(
        "game_id", "round_no", "label", *CURRENT_CONTRACT.columns
    ).iter_rows():
        rounds = histories.get(game_id, ())
        if len(rounds) < number:
            differing.append(f"{game_id}, round {number} (not stored)")
            continue
        played = rounds[number - 1]
        known = features_from_history(rounds[: number - 1], played.points, number, bool(features[EASY_MODE]))
        if known != features or MOVES[label] != played.user_move:
            differing.append(f"{game_id}, round {number}")
    return differing


@dg.asset_check(
    asset=keys.TRAINING_GAMES,
    name="the_stride_is_respected",
    blocking=True,
    description="Counted from the newest on, every n-th scripted game was selected and no other; where games were "
    "dropped for being too many, they are the oldest.",
)
def the_stride_is_respected(
    settings: dg.ResourceParam[Settings], datasets: dg.ResourceParam[Any]
) -> dg.AssetCheckResult:
    """Count along the scripted games that could have been selected, without the code that selects them."""
    candidates, selected = datasets.read_candidates(), set(datasets.read_games()["game_id"])
    rows = candidates.filter(
        (candidates["player_kind"] == "scripted") & (candidates["created_at"] >= settings.training.training_data_since)
    )
    newest_first = sorted(rows.select("created_at", "game_id").iter_rows(), reverse=True)
    places = [place for place, (_, game_id) in enumerate(newest_first) if game_id in selected]
    wanted = list(
        range(
            0,
            len(places) * settings.training.training_scripted_game_stride,
            settings.training.training_scripted_game_stride,
        )
    )
    wrong = [place for place, right in zip(places, wanted, strict=True) if place != right]
    return verdict(
        not wrong,
        expected={
            "stride": settings.training.training_scripted_game_stride,
            "scripted_games": len(wanted),
            "wrong_places": [],
        },
        found={
            "stride": settings.training.training_scripted_game_stride,
            "scripted_games": len(places),
            "wrong_places": wrong[:20],
        },
    )


DATA_CHECKS = [
    the_stride_is_respected,
    columns_equal_the_contract,
    features_know_only_the_past,
    every_move_has_a_fair_share,
    much_was_known_before,
    all_selected_human_games_are_present,
]
