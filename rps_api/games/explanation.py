"""The explanation of a round, read from the store: from the bot's move down to the rounds that trained its model."""

from collections.abc import Callable, Sequence

from rps_api.errors import NotFound
from rps_api.games.choice_words import budget_before, choice_is_reproduced, how_it_chose
from rps_api.games.decision import SOURCE_GAMBIT, rule_of
from rps_api.games.explanation_schemas import Explanation, Links, ModelLineageView, TrainingData
from rps_api.games.replies import (
    alias_predictions,
    by_move,
    features_of,
    move_values,
    own_prediction,
    probabilities_used,
    win_chances,
    win_values,
)
from rps_api.inference.model import LoadedModel, PredictionFailed, feature_row
from rps_core.bundle import BundleManifest
from rps_core.features.contract import CONTRACTS, contract_of_game
from rps_core.features.meanings import habits_of
from rps_core.game.choice import Probabilities, most_probable
from rps_core.game.families import REGISTERED_NAMES, Family, ModelIdentity
from rps_core.game.moves import MOVES
from rps_core.game.opponents import opponent_of
from rps_core.settings import ServiceSettings
from rps_core.store.games import StoredGame, StoredRound
from rps_core.structs import struct_from


def explain_round(
    game: StoredGame,
    rounds: list[StoredRound],
    round_no: int,
    *,
    remembered: Sequence[int] | None,
    services: ServiceSettings,
    find_model: Callable[[Family, ModelIdentity], LoadedModel | None],
    find_manifest: Callable[[str], BundleManifest | None],
) -> Explanation:
    """Explain one round of a game.

    Args:
        game: the game.
        rounds: its stored rounds, in order.
        round_no: number of the round, from 1.
        remembered: counts of the games that the game remembers.
        services: addresses of Dagster and MLflow.
        find_model: returns a model that is in memory, or None.
        find_manifest: returns the manifest of a run, or None.

    Raises:
        NotFound: the round has not been played.
    """
    if not 1 <= round_no <= len(rounds):
        raise NotFound(f"round {round_no} of game {game.id} has not been played; the game has {len(rounds)} rounds")
    played = rounds[round_no - 1]
    contract, values, wins = (
        contract_of_game(game.contract_version),
        move_values(game, played),
        win_values(game, played),
    )
    budget = budget_before(game, rounds, round_no)
    own, lineage = own_prediction(game, played), None
    if own is not None:
        manifest, model = find_manifest(own.model.run_id), find_model(game.family, own.model)
        # The game may have continued with a model of another contract.
        contract = contract if manifest is None else CONTRACTS.get(manifest.contract_version, contract)
        seen = None if model is None else features_of(game, played, remembered, model.contract)
        lineage = _lineage(game, own.model, manifest, _reproduces(model, seen, own.probabilities))
    features = dict(zip(contract.columns, features_of(game, played, remembered, contract), strict=True))
    return struct_from(
        Explanation,
        played,
        game_id=game.id,
        round=round_no,
        policy=game.policy,
        summary=_summary(game, played, lineage, how_it_chose(game, played, budget)),
        round_points=by_move(played.points),
        probabilities=by_move(probabilities_used(game, played)),
        expected_values={} if values is None else dict(zip(MOVES, values, strict=True)),
        choice_rule=rule_of(game),
        choice_reproduced=choice_is_reproduced(game, played, budget),
        win_values={} if wins is None else dict(zip(MOVES, wins, strict=True)),
        mixture=None if played.mixture is None else by_move(played.mixture),
        budget_before=budget,
        win_probability=win_chances(game, played),
        feature_contract=str(contract),
        features=features,
        habits=[habit.text for habit in habits_of(features)] if contract.predicts_steps else [],
        remembered_games=len(game.remembered_games),
        alias_predictions=alias_predictions(played),
        model=lineage,
        links=None if own is None else links_of(services, game, own.model, lineage),
    )


def links_of(
    services: ServiceSettings, game: StoredGame, model: ModelIdentity, lineage: ModelLineageView | None
) -> Links:
    """Return links to the model, its dataset and its rounds in Dagster and MLflow."""
    opponent = opponent_of(game.family)
    assets = f"{services.dagster_link_url}/assets"
    trained_for = lineage.trained_for if lineage else None
    partition = f"?view=partitions&partition={trained_for}" if trained_for else ""
    mlflow = services.mlflow_link_url
    on_server = mlflow.startswith(("http://", "https://"))
    from_registry = f"#/models/{REGISTERED_NAMES[game.family]}/versions/{model.version}"
    return Links(
        mlflow_run=f"{mlflow}/#/runs/{model.run_id}" if on_server else None,
        mlflow_version=f"{mlflow}/{from_registry}" if on_server else None,
        model_asset=f"{assets}/models/{opponent.policy}{partition}",
        dataset_asset=f"{assets}/training/dataset",
        rounds_asset=f"{assets}/gameplay/rounds",
    )


def _lineage(
    game: StoredGame, identity: ModelIdentity, manifest: BundleManifest | None, reproduced: bool | None
) -> ModelLineageView:
    return ModelLineageView(
        model_type=game.family,
        alias=game.alias,
        version=identity.version,
        run_id=identity.run_id,
        reproduced=reproduced,
        configuration_id=manifest.configuration_id if manifest else None,
        trained_for=manifest.trained_for if manifest else None,
        trained_at=manifest.created_at if manifest else None,
        seed=manifest.seed if manifest else None,
        hyperparameters=dict(manifest.hyperparameters) if manifest else {},
        metrics=dict(manifest.metrics) if manifest else {},
        training=struct_from(TrainingData, manifest.dataset) if manifest else None,
    )


def _reproduces(model: LoadedModel | None, features: list[float] | None, stored: Probabilities) -> bool | None:
    if model is None or features is None:
        return None
    try:
        return model.predict(feature_row(features)) == stored
    except PredictionFailed:
        return False


def _summary(game: StoredGame, played: StoredRound, lineage: ModelLineageView | None, choice: str) -> str:
    if played.probability_source == SOURCE_GAMBIT:
        return f"No model predicts round {played.round_no}. {choice}"
    # As the game calls the bot; the model's registered name and run are fields of their own.
    name = opponent_of(game.family).policy.capitalize()
    if lineage is None:
        return f"{name} had no model. {choice}"
    expected = most_probable(probabilities_used(game, played))
    trained_on = (
        f"trained on {_games_of(lineage.training)}" if lineage.training else "whose training data is unknown here"
    )
    return f"{name}'s model, version {lineage.version}, {trained_on}, predicted {expected}. {choice}"


def _games_of(training: TrainingData) -> str:
    """Return whose games trained a model: "3,000 games of simulated people and 412 of people"."""
    counts = {
        "simulated people": training.simulated_games,
        "people": training.human_games,
        "scripted players": training.games - training.human_games,
    }
    first, *others = [f"{count:,} of {players}" for players, count in counts.items() if count] or ["0 of people"]
    *before, last = [first.replace(" of", " games of", 1), *others]
    return f"{', '.join(before)} and {last}" if before else last
