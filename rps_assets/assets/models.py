"""Assets models/brian, models/forrest and models/logan: one per family, partitioned by alias, trained in one run.

`rps_assets.training.model_runs` trains one slot; this module reports partitions and failures to Dagster.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.declaration import asset
from rps_assets.assets.failures import permanent, report_partitions
from rps_assets.assets.partitions import ALIAS_PARTITIONS
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.metadata.plots import inline
from rps_assets.resources import kubernetes
from rps_assets.resources.typed import Api, Datasets, Registry, Services, Store, Training
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.training.revision import code_revision
from rps_core.api_client import ApiClient, ApiError
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import FAMILIES, REGISTERED_NAMES, Alias, Family, Slot, parse_alias
from rps_core.game.opponents import opponent_of
from rps_core.settings import ServiceSettings, TrainingSettings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from rps_assets.datasets.dataset_folder import DatasetFolder, DatasetInfo
    from rps_assets.training.model_runs import SlotOutcome, TrainingJob

KINDS: dict[Family, set[str]] = {
    "xgboost": {"xgboost", "onnx", "mlflow"},
    "feedforward_nn": {"jax", "onnx", "mlflow"},
    "multinomial_logistic": {"jax", "onnx", "mlflow"},
}
SHOWN_METRICS = (
    "test_accuracy", "majority_accuracy", "logistic_accuracy", "test_log_loss", "logistic_log_loss", "val_acc_holdout",
    "val_log_loss_holdout", "train_acc_production", "train_log_loss_production", "val_acc_production",
    "val_log_loss_production", "cv_mean_acc", "cv_std_acc", "cv_mean_log_loss", "onnx_max_difference",
)  # fmt: skip
# The training sensor reads here how new the games of the last training were.
LAST_GAME_METADATA = "dataset_last_game_at"
# And here with which features the slot's model was trained.
CONTRACT_METADATA = "contract_version"


class TrainingConfig(dg.Config):
    """Options of a retraining.

    Attributes:
        force: fit although the registry has a version with the same examples, configuration and seed.
    """

    force: bool = False


def build_model_asset(family: Family) -> dg.AssetsDefinition:
    """Return the asset of one family."""
    opponent = opponent_of(family)

    @asset(
        keys.MODELS[family],
        deps=[keys.DATASET],
        partitions_def=ALIAS_PARTITIONS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=keys.TRAINING_POOL,
        op_tags=kubernetes.FIT,
        kinds=KINDS[family],
        tags={"family": family},
        code_version=f"{CURRENT_CONTRACT.name}-{CURRENT_CONTRACT.version}",
        description=f"{opponent.display_name}: {REGISTERED_NAMES[family]}, one registered version for each alias, "
        "trained on training/dataset with the configuration of the version that the alias holds, exported as ONNX.",
    )
    def model(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        training_settings: Training,
        service_settings: Services,
        datasets: Datasets,
        model_registry: Registry,
        gameplay_store: Store,
        api: Api,
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
        job = load_job(context, training_settings, service_settings, datasets, force=config.force)
        outcomes, failures = _refresh(context, model_registry, job, family)
        report_trainings(api, family, outcomes, failures, context.log.warning)
        report_new_contract(gameplay_store, family, outcomes, context.log.info)
        metadata: dict[str, dict[str, Any]] = {
            outcome.alias: slot_metadata(outcome, job.info, service_settings, model_registry.experiment_id)
            for outcome in outcomes
        }
        failed = {f"{family}@{alias}": fault for alias, fault in failures.items()}
        yield from report_partitions(context, keys.MODELS[family], metadata, failed)

    return model


def build_model_assets() -> list[dg.AssetsDefinition]:
    """Return the model assets of all families."""
    with warnings.catch_warnings():
        # Dagster marks the backfill policy as beta. A test proves that it puts all partitions into one run.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        return [build_model_asset(family) for family in FAMILIES]


def load_job(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    training: TrainingSettings,
    services: ServiceSettings,
    datasets: "DatasetFolder",
    *,
    force: bool,
) -> "TrainingJob":
    """Return what all fits of a run share: the newest dataset, the settings and the baselines.

    Raises:
        Failure: there is no dataset, or it is damaged.
    """
    from rps_assets.training.baselines import baseline_accuracies
    from rps_assets.training.dataset import NotEnoughExamples, TrainingDataset
    from rps_assets.training.descriptions import Links
    from rps_assets.training.model_runs import TrainingJob

    with permanent(RpsError):
        info = datasets.require_latest()
        batches = datasets.batches(info.fingerprint, CURRENT_CONTRACT)
        dataset = TrainingDataset.from_batches(batches, info.examples, info.fingerprint)
    try:
        baselines = baseline_accuracies(dataset)
    except (NotEnoughExamples, ValueError):
        # Too few games, or only one move: each fit reports that itself.
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
        links=Links(
            dagster_run=f"{services.dagster_link_url}/runs/{context.run_id}",
            dataset=f"{services.dagster_link_url}/assets/{'/'.join(keys.DATASET.path)}",
            game=f"{services.api_link_url}/",
        ),
    )


def _refresh(
    context: dg.AssetExecutionContext, registry: ModelRegistry, job: "TrainingJob", family: Family
) -> tuple[list["SlotOutcome"], dict[Alias, str]]:
    """Retrain each partition of the run; a partition that fails does not stop the others."""
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
    """Report fits and failures to the API for its metrics; if the API does not answer, log that and go on."""
    try:
        for outcome in outcomes:
            if outcome.fitted:
                api.report_training(Slot(family, outcome.alias), "success", outcome.duration_seconds)
        for alias in failures:
            api.report_training(Slot(family, alias), "failure")
    except ApiError as error:
        log(f"the API does not count the trainings of this run: {error}")


def report_new_contract(
    store: "Engine", family: Family, outcomes: Iterable["SlotOutcome"], log: Callable[[str], None]
) -> None:
    """Write into the ledger that models of a new feature contract have taken slots."""
    from rps_assets.training.model_runs import new_contract_entry
    from rps_core.store.ledger import PromotionLedger

    entry = new_contract_entry(family, outcomes, datetime.now(UTC))
    if entry is not None:
        PromotionLedger(store).append(entry)
        log(f"{family}: {entry.reason}")


def _is_alive(context: dg.AssetExecutionContext, dagster_run_id: str) -> bool:
    if dagster_run_id == context.run_id:
        return False
    run = context.instance.get_run_by_id(dagster_run_id)
    return run is not None and not run.is_finished


def slot_metadata(
    outcome: "SlotOutcome", info: "DatasetInfo", services: ServiceSettings, experiment_id: str
) -> dict[str, Any]:
    """Return the metadata of one alias."""
    version = outcome.version
    metadata: dict[str, Any] = {
        "version": version.version,
        "fitted": outcome.fitted,
        "configuration": outcome.configuration.id,
        "training_seconds": readable(outcome.duration_seconds),
        "dataset_fingerprint": info.fingerprint,
        "dataset_examples": info.examples,
        "dataset_human_games": info.human_games,
        "dataset_scripted_games": info.scripted_games,
        "dataset_simulated_games": info.prior_games,
        LAST_GAME_METADATA: dg.MetadataValue.timestamp(info.last_game_at),
        CONTRACT_METADATA: info.contract_version,
        "mlflow_run": links.mlflow_run(services, experiment_id, version.run_id),
        "mlflow_version": links.mlflow_version(services, version.registered_name, version.version),
        "served": links.observatory(services, "slots-title"),
        "dataset": links.asset(services, keys.DATASET),
        "next": links.asset(services, keys.PROMOTIONS[version.family]),
        **{name: readable(outcome.metrics[name]) for name in SHOWN_METRICS if name in outcome.metrics},
    }
    if not outcome.fitted:
        metadata["reused"] = (
            f"version {version.version} was trained on the same examples with the same configuration and seed"
        )
    return metadata | inline_plots(outcome.plots)


def inline_plots(plots: Mapping[str, bytes]) -> dict[str, dg.MetadataValue]:
    """Return the pictures of a fit as metadata, by file name without extension."""
    stems = {path.removeprefix("plots/").removesuffix(".png"): data for path, data in plots.items()}
    return {stem: inline(stem, data) for stem, data in stems.items()}
