"""Assets training/games and training/dataset: thin shells around `rps_assets.datasets`."""

from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Connection, Engine

from rps_assets.assets import keys
from rps_assets.assets.columns import GAMES_SCHEMA, dataset_lineage, dataset_schema
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_core.cache import ModelCache
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.markdown import markdown_table
from rps_core.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from rps_assets.datasets.dataset_folder import DatasetFolder, DatasetInfo

# SQLite binds at most 32,766 values in one statement.
MAX_NAMED_GAMES = 10_000
# Rows that are still in the caches of a processor when they become columns.
ROWS_A_FETCH = 2_000


@dg.asset(
    key=keys.TRAINING_GAMES,
    deps=[keys.ROUNDS],
    group_name="training",
    owners=keys.OWNERS,
    kinds={"polars", "parquet"},
    tags={"layer": "selection"},
    code_version="1",
    metadata={"dagster/column_schema": GAMES_SCHEMA},
    description="The games that train: human games always, every n-th scripted game newest first, whole games up to "
    "the cap of examples; test games never.",
)
def training_games(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
    datasets: dg.ResourceParam[Any],
) -> dg.MaterializeResult[None]:
    """Select the games and keep the selection for the dataset."""
    from rps_assets.datasets.selection import kept_games, plan_training_games, read_games

    with gameplay_store.connect() as connection:
        games = read_games(
            connection,
            settings.training.training_data_since,
            include_recordings=settings.training.training_include_recordings,
        )
    planned = plan_training_games(
        games,
        settings.training.training_data_since,
        settings.training.training_scripted_game_stride,
        settings.training.max_usable_rows,
    )
    kept = kept_games(planned)
    datasets.write_games(kept, planned)
    context.log.info(f"{len(kept)} of {len(planned)} games train, with {kept['examples'].sum()} examples")
    return dg.MaterializeResult(metadata=selection_metadata(planned, settings))


def selection_metadata(planned: "pl.DataFrame", settings: Settings) -> dict[str, Any]:
    """Return what a selection is shown with: kept rows, shares, and each reason for dropping with its count."""
    import polars as pl

    from rps_assets.datasets.selection import kept_games

    kept = kept_games(planned)
    human_examples = int(kept.filter(pl.col("player_kind") == "human")["examples"].sum())
    examples = int(kept["examples"].sum())
    dropped = planned.filter(pl.col("dropped").is_not_null())
    reasons = dropped.group_by("dropped").agg(games=pl.len(), examples=pl.col("examples").sum()).sort("dropped")
    return {
        "dagster/row_count": len(kept),
        "dagster/column_schema": GAMES_SCHEMA,
        "examples": examples,
        "human_games": int((kept["player_kind"] == "human").sum()),
        "scripted_games": int((kept["player_kind"] == "scripted").sum()),
        "human_share_of_examples": readable(human_examples / examples if examples else 0.0),
        "dropped_games": len(dropped),
        "dropped": dg.MetadataValue.md(markdown_table(("reason", "games", "examples"), reasons.iter_rows())),
        "stride": settings.training.training_scripted_game_stride,
        "next": links.asset(settings.services, keys.DATASET),
    }


@dg.asset(
    key=keys.DATASET,
    deps=[keys.TRAINING_GAMES, keys.ROUNDS],
    group_name="training",
    owners=keys.OWNERS,
    kinds={"polars", "parquet"},
    tags={"layer": "features"},
    metadata={"dagster/column_schema": dataset_schema()},
    code_version=f"{CURRENT_CONTRACT.name}-{CURRENT_CONTRACT.version}",
    description="One row of 50 features and a label for each round from the fourth on, of the selected games; named by "
    "a fingerprint over contract and examples, so that equal examples are one dataset.",
)
def training_dataset(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
    datasets: dg.ResourceParam[Any],
    model_cache: dg.ResourceParam[ModelCache],
) -> dg.MaterializeResult[None]:
    """Compute the features of the selected games and store them under their fingerprint."""
    from rps_assets.datasets.dataset_folder import describe

    games = datasets.read_games()
    with gameplay_store.connect() as connection:
        frame = build_dataset(connection, games)
    if len(frame) < settings.training.min_examples:
        raise dg.Failure(
            f"{len(frame)} examples in {len(games)} games; MIN_SUP_ROWS asks for {settings.training.min_examples}: "
            "play more games, then materialise again",
            metadata={"examples": len(frame), "required": settings.training.min_examples},
            allow_retries=False,
        )
    info = describe(frame, CURRENT_CONTRACT)
    is_new = datasets.write(frame, info)
    in_use = fingerprints_in_use(model_cache, context.log.warning)
    pruned = [] if in_use is None else datasets.prune(in_use)
    context.log.info(f"dataset {info.fingerprint} {'written' if is_new else 'was there already'}; pruned {len(pruned)}")
    return dg.MaterializeResult(
        metadata=dataset_metadata(info, datasets, settings) | {"new": is_new, "pruned": len(pruned)},
        data_version=dg.DataVersion(info.fingerprint),
    )


def build_dataset(connection: Connection, games: "pl.DataFrame") -> "pl.DataFrame":
    """Return the examples of `games` in training order: game creation, game id, round.

    Features are computed on all rounds of a game, so that the opening gambit is part of the history; only then are the
    rounds dropped that no policy decided.

    Returns:
        game_id, created_at, player_kind, round_no, the 50 columns of the contract (Float64), label (Int8).
    """
    import polars as pl

    from rps_assets.datasets.feature_frame import feature_frame

    games = games.sort("created_at", "game_id")
    # A game's id, kept as its place in training order: it is sorted by, compared and looked up as a number.
    places = pl.Enum(games["game_id"])
    rounds = (
        read_rounds(connection, games["game_id"].to_list())
        .with_columns(pl.col("game_id").cast(places, strict=False))
        .drop_nulls("game_id")
        .sort("game_id", "round_no")
    )
    features = feature_frame(_with_columns_of(games.select("easy_mode"), rounds), FIRST_POLICY_ROUND)
    return (
        _with_columns_of(games.select("created_at", "player_kind"), features)
        .with_columns(pl.col("game_id").cast(pl.String))
        .select("game_id", "created_at", "player_kind", "round_no", *CURRENT_CONTRACT.columns, "label")
    )


def _with_columns_of(games: "pl.DataFrame", rounds: "pl.DataFrame") -> "pl.DataFrame":
    """Add to each round what `games` holds at the place of its game; a join would copy all columns of the rounds."""
    return rounds.hstack(games[rounds["game_id"].to_physical()])


def read_rounds(connection: Connection, game_ids: list[str]) -> "pl.DataFrame":
    """Return the rounds of at least these games, with `round_schema`, in no particular order.

    Rows are taken as the driver gives them: SQLAlchemy's own would take twice the time for a million of them. Their
    values are laid end to end, and every ninth of them makes a column: Polars takes twice the time to take rows.
    """
    import polars as pl

    from rps_core.store.analytics import select_rounds

    # Of many games every round is read: the statement could not name them all, and a scan beats so many look-ups.
    cursor: Any = connection.execute(select_rounds(game_ids if len(game_ids) <= MAX_NAMED_GAMES else None)).cursor
    schema = round_schema()
    parts = [pl.DataFrame(schema=schema)]
    while rows := cursor.fetchmany(ROWS_A_FETCH):
        values = list(chain.from_iterable(rows))
        parts.append(pl.DataFrame({name: values[at :: len(schema)] for at, name in enumerate(schema)}, schema=schema))
    return pl.concat(parts)


def round_schema() -> dict[str, Any]:
    """Return the types of `rps_core.store.analytics.select_rounds`."""
    import polars as pl

    points = ("rock_pts", "paper_pts", "scissors_pts", "user_score", "bot_score")
    return {
        "game_id": pl.String,
        "round_no": pl.Int64,
        "user_move": pl.String,
        "bot_move": pl.String,
        **dict.fromkeys(points, pl.Float64),
    }


def fingerprints_in_use(cache: ModelCache, warn: Callable[[str], None]) -> set[str] | None:
    """Return the fingerprints of the datasets that trained what the cache holds; None where it cannot be told."""
    try:
        index = cache.read_index()
        entries = index.entries if index else ()
        return {cache.read_bundle(entry, CURRENT_CONTRACT).manifest.dataset.fingerprint for entry in entries}
    except RpsError as error:
        warn(f"no dataset is pruned, because the cache cannot tell which ones trained its models: {error}")
        return None


def dataset_metadata(info: "DatasetInfo", folder: "DatasetFolder", settings: Settings) -> dict[str, Any]:
    """Return what a dataset is shown with."""
    shares = [count / info.examples for count in info.label_counts]
    return {
        "dagster/row_count": info.examples,
        "dagster/column_schema": dataset_schema(),
        "dagster/column_lineage": dataset_lineage(),
        "fingerprint": info.fingerprint,
        "path": dg.MetadataValue.path(folder.address(info)),
        "contract": f"{info.contract_name} version {info.contract_version} ({info.contract_digest[:12]}…)",
        "games": info.games,
        "human_games": info.human_games,
        "scripted_games": info.scripted_games,
        "first_game_at": dg.MetadataValue.timestamp(info.first_game_at),
        "last_game_at": dg.MetadataValue.timestamp(info.last_game_at),
        "human_share_of_games": readable(info.human_games / info.games),
        **{f"share_{move}": readable(share) for move, share in zip(("rock", "paper", "scissors"), shares, strict=True)},
        **{f"next_{key.path[-1]}": links.asset(settings.services, key) for key in keys.MODELS.values()},
    }
