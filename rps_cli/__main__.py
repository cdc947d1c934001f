"""Run the command line as `python -m rps_cli`."""

from rps_cli.app import app

app(prog_name="rps")
