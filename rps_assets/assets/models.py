"""Assets models/brian, models/forrest and models/logan: one per family, partitioned by alias, trained in one run.

What happens to one slot is `rps_assets.training.model_runs`; here are partitions, materialisations and failures.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.failures import permanent
from rps_assets.assets.partitions import ALIAS_PARTITIONS
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.metadata.plots import inline
from rps_assets.resources import kubernetes
from rps_assets.resources.build import api_client
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.training.revision import code_revision
from rps_core.api_client import ApiClient, ApiError
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import FAMILIES, REGISTERED_NAMES, Alias, Family, Slot, parse_alias
from rps_core.game.opponents import opponent_of
from rps_core.settings import Settings, TrainingSettings

if TYPE_CHECKING:
    from rps_assets.datasets.dataset_folder import DatasetFolder, DatasetInfo
    from rps_assets.training.model_runs import SlotOutcome, TrainingJob

KINDS: dict[Family, set[str]] = {
    "xgboost": {"xgboost", "onnx", "mlflow"},
    "feedforward_nn": {"jax", "onnx", "mlflow"},
    "multinomial_logistic": {"jax", "onnx", "mlflow"},
}
SHOWN_METRICS = (
    "test_accuracy", "majority_accuracy", "logistic_accuracy", "test_log_loss", "val_acc_holdout",
    "train_acc_production", "val_acc_production", "cv_mean_acc", "cv_std_acc", "onnx_max_difference",
)  # fmt: skip
# The gate of the next training reads when the newest trained game was created from this metadata.
LAST_GAME_METADATA = "dataset_last_game_at"


class TrainingConfig(dg.Config):
    """Options of a retraining.

    Attributes:
        force: fit even where the registry has a version with the same examples, configuration and seed.
    """

    force: bool = False


def build_model_asset(family: Family) -> dg.AssetsDefinition:
    """Return the asset of one family."""
    opponent = opponent_of(family)

    @dg.asset(
        key=keys.MODELS[family],
        deps=[keys.DATASET],
        partitions_def=ALIAS_PARTITIONS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=keys.TRAINING_POOL,
        op_tags=kubernetes.FIT,
        group_name="models",
        owners=keys.OWNERS,
        kinds=KINDS[family],
        tags={"family": family},
        code_version=f"{CURRENT_CONTRACT.name}-{CURRENT_CONTRACT.version}",
        description=f"{opponent.display_name}: {REGISTERED_NAMES[family]}, one registered version for each alias, "
        "trained on training/dataset with the configuration of the version the alias holds, exported as ONNX.",
    )
    def model(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        settings: dg.ResourceParam[Settings],
        datasets: dg.ResourceParam[Any],
        model_registry: dg.ResourceParam[ModelRegistry],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
        job = load_job(context, settings.training, datasets, force=config.force)
        outcomes, failures = _refresh(context, model_registry, job, family)
        report_trainings(api_client(settings), family, outcomes, failures, context.log.warning)
        shown = {o.alias: slot_metadata(o, job.info, settings, model_registry.experiment_id) for o in outcomes}
        if failures:
            # What did succeed is in the registry, so it is reported although the step fails.
            for alias, metadata in shown.items():
                yield dg.AssetMaterialization(keys.MODELS[family], partition=alias, metadata=metadata)
            raise dg.Failure(
                "; ".join(f"{family}@{alias}: {fault}" for alias, fault in failures.items()), allow_retries=False
            )
        for alias, metadata in shown.items():
            context.add_asset_metadata(metadata, partition_key=alias)
        yield dg.MaterializeResult()

    return model


def build_model_assets() -> list[dg.AssetsDefinition]:
    """Return the model assets of all families."""
    with warnings.catch_warnings():
        # The backfill policy is marked beta; the four partitions in one run rest on it, and a test holds that.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        return [build_model_asset(family) for family in FAMILIES]


def load_job(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    training: TrainingSettings,
    datasets: "DatasetFolder",
    *,
    force: bool,
) -> "TrainingJob":
    """Return the newest dataset with what all fits of a run share.

    Raises:
        Failure: there is no dataset, or it is damaged.
    """
    from rps_assets.datasets.dataset_folder import DatasetError
    from rps_assets.training.baselines import baseline_accuracies
    from rps_assets.training.dataset import NotEnoughExamples, TrainingDataset
    from rps_assets.training.model_runs import TrainingJob

    with permanent(DatasetError):
        info, frame = datasets.read_latest(CURRENT_CONTRACT)
    dataset = TrainingDataset.from_frame(frame, info.fingerprint)
    try:
        baselines = baseline_accuracies(dataset)
    except (NotEnoughExamples, ValueError):
        # Too few games, or one move only: each fit says so by itself.
        baselines = {}
    return TrainingJob(
        dataset=dataset,
        info=info,
        seed=training.training_seed,
        threads=training.training_threads,
        min_examples=training.min_examples,
        force=force,
        run_tags={"dagster_run_id": context.run_id},
        code_revision=code_revision(),
        dataset_address=datasets.address(info),
        baselines=baselines,
    )


def _refresh(
    context: dg.AssetExecutionContext, registry: ModelRegistry, job: "TrainingJob", family: Family
) -> tuple[list["SlotOutcome"], dict[Alias, str]]:
    """Retrain each partition of the run; one that cannot be trained does not keep the others from it."""
    from rps_assets.training.model_runs import refresh_slot

    outcomes: list[SlotOutcome] = []
    failures: dict[Alias, str] = {}
    for alias in map(parse_alias, context.partition_keys):
        abandoned = registry.close_abandoned_runs(family, alias, lambda run_id: _is_alive(context, run_id))
        if abandoned:
            context.log.warning(f"{family}@{alias}: marked {len(abandoned)} unfinished MLflow runs as killed")
        try:
            outcomes.append(refresh_slot(registry, job, family, alias, context.log.info))
        except RpsError as error:
            failures[alias] = str(error)
            context.log.error(f"{family}@{alias}: {error}")
    return outcomes, failures


def report_trainings(
    api: ApiClient,
    family: Family,
    outcomes: Iterable["SlotOutcome"],
    failures: Iterable[Alias],
    log: Callable[[str], None],
) -> None:
    """Let the API count what was fitted and what failed, for its metrics; one that does not answer changes nothing."""
    try:
        for outcome in outcomes:
            if outcome.fitted:
                api.report_training(Slot(family, outcome.alias), "success", outcome.duration_seconds)
        for alias in failures:
            api.report_training(Slot(family, alias), "failure")
    except ApiError as error:
        log(f"the API counts no trainings of this run: {error}")


def _is_alive(context: dg.AssetExecutionContext, dagster_run_id: str) -> bool:
    if dagster_run_id == context.run_id:
        return False
    run = context.instance.get_run_by_id(dagster_run_id)
    return run is not None and not run.is_finished


def slot_metadata(
    outcome: "SlotOutcome", info: "DatasetInfo", settings: Settings, experiment_id: str
) -> dict[str, Any]:
    """Return what the materialisation of one alias is shown with."""
    version = outcome.version
    shown: dict[str, Any] = {
        "version": version.version,
        "fitted": outcome.fitted,
        "configuration": outcome.configuration.id,
        "training_seconds": readable(outcome.duration_seconds),
        "dataset_fingerprint": info.fingerprint,
        "dataset_examples": info.examples,
        "dataset_human_games": info.human_games,
        "dataset_scripted_games": info.scripted_games,
        LAST_GAME_METADATA: dg.MetadataValue.timestamp(info.last_game_at),
        "mlflow_run": links.mlflow_run(settings.services, experiment_id, version.run_id),
        "mlflow_version": links.mlflow_version(settings.services, version.registered_name, version.version),
        "served": links.api(settings.services, "/models"),
        "dataset": links.asset(settings.services, keys.DATASET),
        "next": links.asset(settings.services, keys.PROMOTIONS[version.family]),
        **{name: readable(outcome.metrics[name]) for name in SHOWN_METRICS if name in outcome.metrics},
    }
    if not outcome.fitted:
        shown["reused"] = (
            f"version {version.version} was trained on the same examples with the same configuration and seed"
        )
    return shown | inline_plots(outcome.plots)


def inline_plots(plots: Mapping[str, bytes]) -> dict[str, dg.MetadataValue]:
    """Return the pictures of a fit as metadata, by the stem of their path."""
    stems = {path.removeprefix("plots/").removesuffix(".png"): data for path, data in plots.items()}
    return {stem: inline(stem, data) for stem, data in stems.items()}
