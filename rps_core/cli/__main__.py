"""Run the command line as `python -m rps_core.cli`."""

from rps_core.cli import app

app(prog_name="rps")
