"""Assets experiments/<family> and experiments/comparison: all configurations, tried without moving any alias."""

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.declaration import asset
from rps_assets.assets.failures import permanent, report_partitions
from rps_assets.assets.models import KINDS, SHOWN_METRICS, TrainingConfig, inline_plots, load_job
from rps_assets.assets.partitions import CONFIGURATION_PARTITIONS
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.metadata.plots import inline
from rps_assets.metadata.tables import table
from rps_assets.resources import kubernetes
from rps_assets.resources.typed import Datasets, Registry, Services, Training
from rps_assets.training.parameters import configurations
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import FAMILIES, Family
from rps_core.settings import ServiceSettings

if TYPE_CHECKING:
    from rps_assets.datasets.dataset_folder import DatasetInfo
    from rps_assets.training.trials import RankedTrial, TrialOutcome

COMPARED = (
    *("cv_mean_acc", "cv_std_acc", "cv_mean_log_loss", "val_acc_production", "val_log_loss_production"),
    *("test_accuracy", "test_log_loss", "majority_accuracy"),
)


def build_experiment_asset(family: Family) -> dg.AssetsDefinition:
    """Return the asset of one family, with one partition per configuration."""

    @asset(
        keys.EXPERIMENTS[family],
        deps=[keys.DATASET],
        partitions_def=CONFIGURATION_PARTITIONS[family],
        backfill_policy=dg.BackfillPolicy.single_run(),
        # The pool of the trainings: two fits at once would take three times as long on the same cores.
        pool=keys.TRAINING_POOL,
        op_tags=kubernetes.FIT,
        kinds=KINDS[family],
        tags={"family": family},
        code_version=f"{CURRENT_CONTRACT.name}-{CURRENT_CONTRACT.version}",
        metadata={"configurations": {c.id: c.note for c in configurations().values() if c.family == family}},
        description=f"The configurations of {family}, each trained on training/dataset and logged to MLflow for "
        "comparison. Nothing is registered and no alias moves; `rps experiments promote` puts one into a slot.",
    )
    def experiment(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        training_settings: Training,
        service_settings: Services,
        datasets: Datasets,
        model_registry: Registry,
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
        from rps_assets.training.trials import try_configuration

        job = load_job(context, training_settings, service_settings, datasets, force=config.force)
        metadata, failures = dict[str, dict[str, Any]](), dict[str, str]()
        for name in context.partition_keys:
            try:
                outcome = try_configuration(model_registry, job, configurations()[name], context.log.info)
                metadata[name] = trial_metadata(outcome, job.info, service_settings, model_registry.trials_id)
            except RpsError as error:
                failures[name] = str(error)
                context.log.error(f"{name}: {error}")
        yield from report_partitions(context, keys.EXPERIMENTS[family], metadata, failures)

    return experiment


def build_experiment_assets() -> list[dg.AssetsDefinition]:
    """Return the assets of all families and their comparison."""
    with warnings.catch_warnings():
        # Dagster marks the backfill policy as beta. A test proves that it puts all partitions into one run.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        return [*(build_experiment_asset(family) for family in FAMILIES), comparison]


def trial_metadata(
    outcome: "TrialOutcome", info: "DatasetInfo", services: ServiceSettings, experiment_id: str
) -> dict[str, Any]:
    """Return the metadata of one configuration."""
    metadata: dict[str, Any] = {
        "note": outcome.configuration.note,
        "fitted": outcome.fitted,
        "training_seconds": readable(outcome.duration_seconds),
        "dataset_fingerprint": info.fingerprint,
        "dataset_examples": info.examples,
        "mlflow_run": links.mlflow_run(services, experiment_id, outcome.run_id),
        "next": links.asset(services, keys.COMPARISON),
        **{name: readable(outcome.metrics[name]) for name in SHOWN_METRICS if name in outcome.metrics},
    }
    return metadata | inline_plots(outcome.plots)


@asset(
    keys.COMPARISON,
    deps=[keys.DATASET, *keys.EXPERIMENTS.values()],
    kinds={"mlflow"},
    description="The configurations that were tried on the newest dataset, ranked within each family by the mean of "
    "their cross-validation, with the slots that hold each configuration.",
)
def comparison(service_settings: Services, datasets: Datasets, model_registry: Registry) -> dg.MaterializeResult[None]:
    """Read the trials of the newest dataset from MLflow and rank them."""
    from rps_assets.training.comparison import comparison_plots, slots_by_configuration
    from rps_assets.training.model_runs import dataset_tag
    from rps_assets.training.trials import standings

    with permanent():
        info = datasets.require_latest()
    ranked = standings(model_registry.find_trials(dataset_tag(info.fingerprint)), configurations())
    missing = sorted(set(configurations()) - {trial.configuration for trial in ranked})
    held = slots_by_configuration(model_registry)
    plots = {
        f"plot_{family}": inline(f"comparison of {family}", png) for family, png in comparison_plots(ranked).items()
    }
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(ranked),
            "dataset_fingerprint": info.fingerprint,
            "missing": ", ".join(missing) or "none",
            **{f"best_{trial.family}": trial.configuration for trial in ranked if trial.place == 1},
            "comparison": comparison_table(ranked, held, service_settings, model_registry.trials_id),
            **plots,
        }
    )


def comparison_table(
    ranked: "list[RankedTrial]", held: Mapping[str, list[str]], services: ServiceSettings, experiment_id: str
) -> dg.MetadataValue:
    """Return the ranking as a table."""
    rows = []
    for trial in ranked:
        run = trial.run
        figures = [f"{run.metrics[name]:.4f}" if name in run.metrics else "-" for name in COMPARED]
        link = links.mlflow_run(services, experiment_id, run.run_id)
        short_id = run.run_id[:8]
        linked = f"[{short_id}]({link.value})" if isinstance(link, dg.UrlMetadataValue) else short_id
        slots = ", ".join(held.get(trial.configuration, ["-"]))
        rows.append([trial.family, trial.place, trial.configuration, *figures, slots, linked])
    return table(("family", "place", "configuration", *COMPARED, "slots", "run"), rows)
