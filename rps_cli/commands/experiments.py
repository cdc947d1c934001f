"""The commands for configurations: `rps experiments list` and `rps experiments promote`. Dagster does the work."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rps_cli.commands.promotions import DryRun, Reason, run_job
from rps_cli.shared import align
from rps_core.dagster_runs import DagsterRuns
from rps_core.game.families import FAMILIES
from rps_core.settings import load_settings

experiments = typer.Typer(
    no_args_is_help=True, help="Compare the 36 configurations of models, and promote one into a slot."
)
SHOWN = ("cv_mean_acc", "cv_std_acc", "test_accuracy", "test_log_loss")
_NODES = "".join(
    f"""
  {family}: assetNodeOrError(assetKey: {{path: ["experiments", "{family}"]}}) {{
    ... on AssetNode {{
      metadataEntries {{ label ... on JsonMetadataEntry {{ jsonString }} }}
      partitionKeys
      latestMaterializationByPartition {{
        partition
        metadataEntries {{ label ... on FloatMetadataEntry {{ floatValue }} }}
      }}
    }}
  }}"""
    for family in FAMILIES
)
QUERY = f"query Experiments {{{_NODES}\n}}"


@experiments.command("list")
def list_experiments() -> None:
    """List the configurations with the figures of their last training; `-` means never trained.

    Choose the highest cv_mean_acc; between equals, the smaller cv_std_acc. test_accuracy is a sanity check. To train
    configurations, open Dagster: Assets, `experiments/FAMILY`, Materialize.
    """
    data = DagsterRuns(load_settings().services.dagster_base_url).query(QUERY, {})
    typer.echo("\n".join(table(rows_of(data))))


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
    config = {"configuration": configuration, "alias": alias, "reason": reason, "dry_run": dry_run}
    run_job("promote_configuration", "promote_trained_configuration", config)


def rows_of(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Read the answer to `QUERY` into rows: configuration, the figures of `SHOWN`, note."""
    rows = []
    for family in FAMILIES:
        node = data.get(family) or {}
        texts = {entry["label"]: entry.get("jsonString") for entry in node.get("metadataEntries") or ()}
        notes = json.loads(texts.get("configurations") or "{}")
        figures = {
            found["partition"]: {entry["label"]: entry.get("floatValue") for entry in found["metadataEntries"]}
            for found in node.get("latestMaterializationByPartition") or ()
            if found
        }
        for name in node.get("partitionKeys") or ():
            values = (figures.get(name, {}).get(figure) for figure in SHOWN)
            cells = ("-" if value is None else f"{value:.4f}" for value in values)
            rows.append((name, *cells, notes.get(name, "")))
    return rows


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with aligned columns, after a header."""
    return align([("configuration", *SHOWN, "note"), *rows])
