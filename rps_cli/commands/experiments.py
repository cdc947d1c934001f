"""The commands of the data scientist: `rps experiments list` and `rps experiments promote`. Dagster does the work."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rps_cli.commands.promotions import DryRun, Reason, run_job
from rps_core.dagster_runs import DagsterRuns
from rps_core.game.families import FAMILIES
from rps_core.settings import load_settings

experiments = typer.Typer(
    no_args_is_help=True, help="The 36 configurations: what they reached, and how one gets into a slot."
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
    """Show the configurations with what each reached when it was last trained; `-` where it never was.

    Choose by cv_mean_acc first, the smaller cv_std_acc second; test_accuracy is a sanity check. Train them in Dagster:
    Assets, experiments/<family>, Materialize.
    """
    data = DagsterRuns(load_settings().services.dagster_base_url).query(QUERY, {})
    for line in table(rows_of(data)):
        typer.echo(line)


@experiments.command("promote")
def promote_experiment(
    configuration: Annotated[str, typer.Argument(help="One of the 36, like xgb_c05.", show_default=False)],
    alias: Annotated[str, typer.Argument(help="Production, B, shadow1 or shadow2.", show_default=False)],
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Train a configuration on the newest dataset and put it into a slot of its family.

    The next trainings of the slot keep the configuration. Example: rps experiments promote xgb_c05 B --reason "best CV"
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
        reached = {
            found["partition"]: {entry["label"]: entry.get("floatValue") for entry in found["metadataEntries"]}
            for found in node.get("latestMaterializationByPartition") or ()
            if found
        }
        for name in node.get("partitionKeys") or ():
            figures = (reached.get(name, {}).get(figure) for figure in SHOWN)
            rows.append((name, *("-" if one is None else f"{one:.4f}" for one in figures), notes.get(name, "")))
    return rows


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with aligned columns, a header first."""
    everything = [("configuration", *SHOWN, "note"), *rows]
    widths = [max(len(row[column]) for row in everything) for column in range(len(SHOWN) + 1)]
    return [
        "  ".join([f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)] + [row[-1]]).rstrip()
        for row in everything
    ]
