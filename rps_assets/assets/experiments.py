"""Assets experiments/<family> and experiments/comparison: the 36 configurations tried, without touching any alias."""

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.failures import permanent
from rps_assets.assets.models import KINDS, SHOWN_METRICS, TrainingConfig, inline_plots, load_job
from rps_assets.assets.partitions import CONFIGURATION_PARTITIONS
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.metadata.plots import Interval, inline, intervals_plot
from rps_assets.resources import kubernetes
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.training.parameters import configurations
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import FAMILIES, Family
from rps_core.markdown import markdown_table
from rps_core.settings import Settings

if TYPE_CHECKING:
    from rps_assets.training.trials import RankedTrial, TrialOutcome

COMPARED = ("cv_mean_acc", "cv_std_acc", "val_acc_production", "test_accuracy", "test_log_loss", "majority_accuracy")


def build_experiment_asset(family: Family) -> dg.AssetsDefinition:
    """Return the asset of one family: a partition a configuration."""

    @dg.asset(
        key=keys.EXPERIMENTS[family],
        deps=[keys.DATASET],
        partitions_def=CONFIGURATION_PARTITIONS[family],
        backfill_policy=dg.BackfillPolicy.single_run(),
        # The pool of the training: two fits at once would take three times as long on the same cores.
        pool=keys.TRAINING_POOL,
        op_tags=kubernetes.FIT,
        group_name="experiments",
        owners=keys.OWNERS,
        kinds=KINDS[family],
        tags={"family": family},
        code_version=f"{CURRENT_CONTRACT.name}-{CURRENT_CONTRACT.version}",
        metadata={"configurations": {one.id: one.note for one in configurations().values() if one.family == family}},
        description=f"The twelve configurations of {family}, each trained on training/dataset and logged to MLflow for "
        "comparison. Nothing is registered and no alias moves; `rps experiments promote` puts one into a slot.",
    )
    def experiment(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        settings: dg.ResourceParam[Settings],
        datasets: dg.ResourceParam[Any],
        model_registry: dg.ResourceParam[ModelRegistry],
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
        from rps_assets.training.trials import try_configuration

        job = load_job(context, settings.training, datasets, force=config.force)
        shown, failures = dict[str, dict[str, Any]](), dict[str, str]()
        for name in context.partition_keys:
            try:
                outcome = try_configuration(model_registry, job, configurations()[name], context.log.info)
                shown[name] = trial_metadata(outcome, settings, model_registry.trials_id)
            except RpsError as error:
                failures[name] = str(error)
                context.log.error(f"{name}: {error}")
        if failures:
            # What did succeed is in MLflow, so it is reported although the step fails.
            for name, metadata in shown.items():
                yield dg.AssetMaterialization(keys.EXPERIMENTS[family], partition=name, metadata=metadata)
            said = "; ".join(f"{name}: {fault}" for name, fault in failures.items())
            raise dg.Failure(said, allow_retries=False)
        for name, metadata in shown.items():
            context.add_asset_metadata(metadata, partition_key=name)
        yield dg.MaterializeResult()

    return experiment


def build_experiment_assets() -> list[dg.AssetsDefinition]:
    """Return the assets of all families and their comparison."""
    with warnings.catch_warnings():
        # The backfill policy is marked beta; the partitions in one run rest on it, and a test holds that.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        return [*(build_experiment_asset(family) for family in FAMILIES), comparison]


def trial_metadata(outcome: "TrialOutcome", settings: Settings, experiment_id: str) -> dict[str, Any]:
    """Return what the materialisation of one configuration is shown with."""
    shown: dict[str, Any] = {
        "note": outcome.configuration.note,
        "fitted": outcome.fitted,
        "training_seconds": readable(outcome.duration_seconds),
        "mlflow_run": links.mlflow_run(settings.services, experiment_id, outcome.run_id),
        "next": links.asset(settings.services, keys.COMPARISON),
        **{name: readable(outcome.metrics[name]) for name in SHOWN_METRICS if name in outcome.metrics},
    }
    return shown | inline_plots(outcome.plots)


@dg.asset(
    key=keys.COMPARISON,
    deps=[keys.DATASET, *keys.EXPERIMENTS.values()],
    group_name="experiments",
    owners=keys.OWNERS,
    kinds={"mlflow"},
    code_version="1",
    description="The configurations that were tried on the newest dataset, ranked within each family by the mean of "
    "their cross-validation, beside the configurations that the slots hold.",
)
def comparison(
    settings: dg.ResourceParam[Settings],
    datasets: dg.ResourceParam[Any],
    model_registry: dg.ResourceParam[ModelRegistry],
) -> dg.MaterializeResult[None]:
    """Read the trials of the newest dataset from MLflow and rank them."""
    from rps_assets.training.trials import standings

    with permanent():
        info = datasets.require_latest()
    ranked = standings(model_registry.find_trials({"dataset_fingerprint": info.fingerprint}), configurations())
    missing = sorted(set(configurations()) - {one.configuration for one in ranked})
    held = slots_by_configuration(model_registry)
    best = {f"best_{one.family}": one.configuration for one in ranked if one.place == 1}
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(ranked),
            "dataset_fingerprint": info.fingerprint,
            "missing": ", ".join(missing) or "none",
            **best,
            "comparison": dg.MetadataValue.md(comparison_table(ranked, held, settings, model_registry.trials_id)),
            **{f"plot_{family}": plot for family, plot in comparison_plots(ranked).items()},
        }
    )


def slots_by_configuration(registry: ModelRegistry) -> dict[str, list[str]]:
    """Return which slots hold each configuration."""
    held: dict[str, list[str]] = {}
    for slot, version in registry.aliased_versions().items():
        held.setdefault(version.tags.get("hyperparameter_config_id", "unknown"), []).append(slot.alias)
    return held


def comparison_table(
    ranked: "list[RankedTrial]", held: Mapping[str, list[str]], settings: Settings, experiment_id: str
) -> str:
    """Return the ranking as Markdown."""
    header = ["family", "place", "configuration", *COMPARED, "slots", "run"]
    rows = []
    for one in ranked:
        figures = [f"{one.run.metrics[name]:.4f}" if name in one.run.metrics else "-" for name in COMPARED]
        link = links.mlflow_run(settings.services, experiment_id, one.run.run_id)
        run = f"[{one.run.run_id[:8]}]({link.value})" if isinstance(link, dg.UrlMetadataValue) else one.run.run_id[:8]
        slots = ", ".join(held.get(one.configuration, ["-"]))
        rows.append([one.family, one.place, one.configuration, *figures, slots, run])
    return markdown_table(header, rows)


def comparison_plots(ranked: "list[RankedTrial]") -> dict[str, dg.MetadataValue]:
    """Return a picture a family: mean of the cross-validation, plus and minus its spread, best on top."""
    plots: dict[str, dg.MetadataValue] = {}
    for family in FAMILIES:
        own = [one for one in ranked if one.family == family]
        if not own:
            continue
        intervals = [
            Interval(one.configuration, mean, mean - spread, mean + spread)
            for one in own
            for mean, spread in [(one.run.metrics["cv_mean_acc"], one.run.metrics["cv_std_acc"])]
        ]
        majority = own[0].run.metrics.get("majority_accuracy")
        png = intervals_plot(intervals, f"Cross-validation, {family}", "accuracy (dotted: majority)", majority)
        plots[family] = inline(f"comparison of {family}", png)
    return plots
