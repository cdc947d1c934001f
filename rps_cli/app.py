"""The command line `rps`: one module a group of commands, each of which starts, asks or stops something.

Commands import what they need when they run: `rps --help` is as quick in an image that holds the API alone.
"""

import typer

from rps_cli.commands import (
    doctor,
    importing,
    lifecycle,
    models,
    parity,
    play,
    promotions,
    serve,
    snapshots,
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
    context_settings={"help_option_names": ["-h", "--help"]},
    help="RPS Quest: rock-paper-scissors against bots that learn from every round.\n\n"
    "Start with `rps up`, open the address it prints, and stop with Ctrl-C. Everything is configured by environment "
    "variables such as DATA_PATH and RPS_API_PORT.",
)
for command in (lifecycle.up, lifecycle.down, lifecycle.status):
    app.command(rich_help_panel="One machine")(command)
for command in (serve.api, serve.migrate):
    app.command(rich_help_panel="One process")(command)
app.command(rich_help_panel="Play")(play.simulate)
for prover in (doctor.doctor, verify.verify, validate.validate, parity.parity):
    app.command(rich_help_panel="Look and prove")(prover)
for keeper in (snapshots.snapshot, snapshots.restore):
    app.command(rich_help_panel="Save and bring back")(keeper)
for mover in (importing.import_original, importing.import_rounds, importing.export_rounds):
    app.command(rich_help_panel="Games from elsewhere")(mover)
for promoter in (models.train, models.sync, models.reload, promotions.promote, promotions.rollback):
    app.command(rich_help_panel="Models")(promoter)
app.add_typer(experiments, name="experiments", rich_help_panel="Models")

__all__ = ("app",)
