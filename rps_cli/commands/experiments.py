"""The commands for configurations: `rps experiments list` and `rps experiments promote`. Dagster does the work."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer

from rps_cli.commands.promotions import DryRun, Reason, run_job
from rps_cli.shared import align
from rps_core.dagster_runs import DagsterRuns
from rps_core.game.families import FAMILIES
from rps_core.game.opponents import opponent_of
from rps_core.settings import load_settings

experiments = typer.Typer(
    no_args_is_help=True, help="Compare the configurations of models, and promote one into a slot."
)
SHOWN = ("cv_mean_acc", "cv_std_acc", "cv_mean_log_loss", "test_accuracy", "test_log_loss")
HEADER = ("configuration", *SHOWN, "trained", "as", "dataset", "note")
# Trainings of slots that are searched for each family: four a retraining.
_SEARCHED_TRAININGS = 400
_RESULT = """partition timestamp
        metadataEntries { label ... on FloatMetadataEntry { floatValue } ... on TextMetadataEntry { text } }"""
_NODES = "".join(
    f"""
  {family}: assetNodeOrError(assetKey: {{path: ["experiments", "{family}"]}}) {{
    ... on AssetNode {{
      metadataEntries {{ label ... on JsonMetadataEntry {{ jsonString }} }}
      partitionKeys
      latestMaterializationByPartition {{
        {_RESULT}
      }}
    }}
  }}
  slots_{family}: assetNodeOrError(assetKey: {{path: ["models", "{opponent_of(family).policy}"]}}) {{
    ... on AssetNode {{
      assetMaterializations(limit: {_SEARCHED_TRAININGS}) {{
        {_RESULT}
      }}
    }}
  }}"""
    for family in FAMILIES
)
QUERY = f"query Experiments {{{_NODES}\n}}"


class Result(NamedTuple):
    """What one training of a configuration reached, in an experiment or for a slot."""

    trained_at: datetime
    trained_as: str
    figures: Mapping[str, float]
    dataset: str


@experiments.command("list")
def list_experiments() -> None:
    """List the configurations with the figures of their last training, in an experiment or for a slot.

    Choose the highest cv_mean_acc; between equals, the smaller cv_std_acc. test_accuracy is a sanity check. Compare
    figures of the same dataset.
    """
    services = load_settings().services
    rows = rows_of(DagsterRuns(services.dagster_base_url).query(QUERY, {}))
    typer.echo("\n".join(align([HEADER, *rows])))
    missing = sum(row[HEADER.index("trained")] == "-" for row in rows)
    if missing:
        typer.echo(
            f"\n{missing} of {len(rows)} configurations are not trained yet. To train them, open "
            f"{services.dagster_link_url}/assets/experiments/FAMILY (FAMILY is {', '.join(FAMILIES)}) and choose "
            "Materialize; to try one in a slot: rps experiments promote CONFIGURATION ALIAS --reason TEXT"
        )


@experiments.command("promote")
def promote_experiment(
    configuration: Annotated[str, typer.Argument(help="Name of the configuration, like xgb_c05.", show_default=False)],
    alias: Annotated[str, typer.Argument(help="Production, B, shadow1 or shadow2.", show_default=False)],
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Train a configuration on the newest dataset and put the model into a slot of its family.

    Later trainings of the slot keep the configuration.

    Example: rps experiments promote xgb_c05 B --reason "best CV"
    """
    from rps_cli.operations.by_hand import check_configuration

    if check_configuration(load_settings().services, configuration, alias, reason, say=typer.echo if dry_run else None):
        return
    config = {"configuration": configuration, "alias": alias, "reason": reason, "dry_run": dry_run}
    run_job("promote_configuration", "promote_trained_configuration", config)


def rows_of(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Read the answer to `QUERY` into rows with the columns of `HEADER`."""
    rows: list[tuple[str, ...]] = []
    for family in FAMILIES:
        node = data.get(family) or {}
        texts = {entry["label"]: entry.get("jsonString") for entry in node.get("metadataEntries") or ()}
        notes = json.loads(texts.get("configurations") or "{}")
        newest = _newest_results(node, data.get(f"slots_{family}") or {})
        names = node.get("partitionKeys") or ()
        rows += [(name, *_cells(newest.get(name)), notes.get(name, "")) for name in names]
    return rows


def _newest_results(experiment: Mapping[str, Any], slots: Mapping[str, Any]) -> dict[str, Result]:
    """Return the newest result of each configuration; a training that reused an older version counts as well."""
    newest: dict[str, Result] = {}
    trials = [(found, "experiment") for found in experiment.get("latestMaterializationByPartition") or () if found]
    trainings = [(found, f"slot {found['partition']}") for found in slots.get("assetMaterializations") or ()]
    for found, trained_as in [*trials, *trainings]:
        entries = {entry["label"]: entry for entry in found["metadataEntries"]}
        name = found["partition"] if trained_as == "experiment" else _text(entries, "configuration")
        figures = {figure: entries[figure]["floatValue"] for figure in SHOWN if figure in entries}
        trained_at = datetime.fromtimestamp(int(found["timestamp"]) / 1_000, UTC)
        if name and figures and (name not in newest or newest[name].trained_at < trained_at):
            newest[name] = Result(trained_at, trained_as, figures, _text(entries, "dataset_fingerprint"))
    return newest


def _text(entries: Mapping[str, Mapping[str, Any]], label: str) -> str:
    return str(entries.get(label, {}).get("text") or "")


def _cells(result: Result | None) -> list[str]:
    if result is None:
        return ["-"] * (len(SHOWN) + 3)
    figures = [f"{result.figures[name]:.4f}" if name in result.figures else "-" for name in SHOWN]
    return [*figures, f"{result.trained_at:%Y-%m-%d %H:%M}", result.trained_as, result.dataset[:12] or "-"]
