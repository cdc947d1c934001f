"""The command that measures models on recorded people: `rps evaluate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rps_cli.commands.importing import Columns, Delimiter, Moves, TimeUnit
from rps_cli.shared import AsJson, Overwrite, align, to_stderr
from rps_core.errors import DataFileError
from rps_core.settings import load_settings

if TYPE_CHECKING:
    from rps_cli.evaluation.figures import WindowFigures
    from rps_cli.evaluation.models import EvaluatedModel

FLATTERS = (
    "Replay flatters: the recorded people played against somebody else. Against a bot that reads them they play "
    "differently, so accuracy here is not a promise of wins."
)
_HEADER = (
    "model",
    "rounds of the recording",
    "scored",
    "people",
    "accuracy",
    "95 % interval",
    "log loss",
    "best reply",
)


def evaluate(
    file: Annotated[
        Path, typer.Argument(help="Recorded rounds, as `rps import-rounds` reads them.", show_default=False)
    ],
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A version from the registry, like xgboost=12. Default: the served models."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the accuracy in rounds 4-30 to this PNG file.")] = None,
    overwrite: Overwrite = False,
    columns: Columns = None,
    moves: Moves = None,
    delimiter: Delimiter = None,
    time_unit: TimeUnit = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well models predict recorded people: accuracy, log loss, and what the best reply would score.

    Whole recordings are scored. What is known of a person grows from round 1 of the recording; scores and the number of
    the round start again where `rps import-rounds` would cut it. Windows count the rounds of the recording. Figures are
    means over people, intervals come from 2,000 resamples of the people. Nothing is written to the store. Replay
    flatters: people react to a bot that reads them.

    Exit code 0 if at least one round was scored, 1 if not or if a model cannot be read.

    Example: rps evaluate rounds.parquet --plot accuracy.png
    """
    from rps_cli import importers
    from rps_cli.evaluation.figures import window_figures
    from rps_cli.evaluation.models import models_to_evaluate
    from rps_cli.evaluation.recordings import examples_of
    from rps_cli.importers.files import require_writable

    if plot is not None:
        require_writable(plot, overwrite=overwrite)
    options = importers.read_options(columns or (), moves or (), delimiter, time_unit)
    chosen = models_to_evaluate(load_settings(), models or ())
    games, report = importers.read_games(file, options)
    for line in report.understood:
        to_stderr(line)
    for _, subject, count, named in report.rows():
        to_stderr(f"skipped: {count:,} {subject} ({named})")
    if not games:
        raise DataFileError(f"{file} has no game that can be scored; `rps import-rounds {file} --dry-run` says why")
    examples = examples_of(games, {model.bundle.manifest.contract_version for model in chosen})
    figures = [(model, window_figures(examples, model.probabilities(examples))) for model in chosen]
    if as_json:
        typer.echo(json.dumps([one.as_dict(model.label) for model, found in figures for one in found], indent=2))
        to_stderr(FLATTERS)
    else:
        typer.echo("\n".join([*_table(figures), FLATTERS]))
    if plot is not None:
        from rps_cli.evaluation.plot import accuracy_plot

        plot.write_bytes(accuracy_plot(figures, file.name))


def _table(figures: "list[tuple[EvaluatedModel, list[WindowFigures]]]") -> list[str]:
    rows = [
        (
            str(model),
            one.window,
            f"{one.rounds:,}",
            f"{one.people:,}",
            f"{one.accuracy:.3f}",
            f"{one.accuracy_low:.3f}-{one.accuracy_high:.3f}",
            f"{one.log_loss:.3f}",
            f"{one.best_reply_score:+.3f}",
        )
        for model, found in figures
        for one in found
    ]
    return align([_HEADER, *rows], right=range(2, len(_HEADER)))
