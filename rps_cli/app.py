"""The command line `rps`: one module for each group of commands.

Commands import what they need when they run, so `rps --help` is quick and works in every image.
"""

import typer

from rps_cli.commands import (
    doctor,
    evaluate,
    importing,
    lifecycle,
    models,
    parity,
    play,
    promotions,
    serve,
    snapshots,
    standing,
    validate,
    verify,
)
from rps_cli.commands.experiments import experiments
from rps_cli.errors import SentenceGroup

app = typer.Typer(
    name="rps",
    cls=SentenceGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="RPS Quest: rock-paper-scissors against bots that learn from every round.\n\n"
    "Run `rps up`, open the address that it prints, and stop with Ctrl-C. Environment variables such as DATA_PATH and "
    "RPS_API_PORT configure everything.",
)
PANELS = {
    "One machine": (lifecycle.up, lifecycle.down, lifecycle.status),
    "One process": (serve.api, serve.migrate),
    "Play": (play.simulate,),
    "Check": (doctor.doctor, verify.verify, validate.validate, parity.parity),
    "Back up and restore": (snapshots.snapshot, snapshots.restore),
    "Import and export games": (importing.import_original, importing.import_rounds, importing.export_rounds),
    "Models": (
        models.train,
        models.sync,
        models.reload,
        evaluate.evaluate,
        standing.promotion,
        promotions.promote,
        promotions.rollback,
    ),
}
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(experiments, name="experiments", rich_help_panel="Models")

__all__ = ("app",)
