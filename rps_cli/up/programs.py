"""What runs on one machine: command, environment and start-up of each process. Plain values; nothing starts here."""

import shlex
import sys
from collections.abc import Mapping
from configparser import RawConfigParser
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from rps_cli.up.layout import Layout, UpError
from rps_core.dagster_runs import CODE_LOCATION
from rps_core.settings import Settings

# Every process of a session carries the data folder in its environment: so they are found again, however they ended up.
MARKER = "RPS_UP_DATA"
API, MLFLOW, PREPARE = "api", "mlflow", "dagster-prepare"
CODE, WEBSERVER, DAEMON = "dagster-code", "dagster-webserver", "dagster-daemon"
GROUP = "rps"
# How the API logs: read by its server, in the process of each worker.
API_LOGGING = Path(__file__).parents[2] / "rps_api" / "logs" / "logging.json"

STOP_SECONDS = 10
LOG_BYTES = 10_000_000
LOG_BACKUPS = 3
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # compared with, not listened on


class Program(NamedTuple):
    """One supervised process.

    Attributes:
        command: its argument vector.
        settle_seconds: a process that ends earlier has failed to start, and is started again ever later.
        starts_first: whether it starts with supervisord; the others are started when their turn comes.
        keep: whether it is started again when it ends.
    """

    name: str
    command: tuple[str, ...]
    settle_seconds: int
    starts_first: bool = False
    keep: bool = True


def api_command(settings: Settings) -> tuple[str, ...]:
    """Return the command that serves the API: one worker process, which owns the models it plays with."""
    server = ("-m", "granian", "--interface", "asgi", "--factory", "--workers", "1")
    address = ("--host", settings.services.host, "--port", str(settings.services.api_port))
    return (sys.executable, *server, *address, "--log-config", str(API_LOGGING), "rps_api.app:create_app")


def plan_programs(settings: Settings, layout: Layout) -> list[Program]:
    """Return the processes, in the order in which they are needed.

    MLflow is left out where MLFLOW_TRACKING_URI names another one.
    """
    workspace = ("-w", str(layout.workspace))
    dagster_address = ("-h", settings.services.host, "-p", str(settings.services.dagster_port))
    code = ("dagster", "api", "grpc", "--socket", str(layout.code_socket), "-m", "rps_assets.definitions")
    programs = [
        Program(API, api_command(settings), settle_seconds=2, starts_first=True),
        Program(PREPARE, _python("rps_assets.automation.instance"), settle_seconds=0, keep=False),
        Program(MLFLOW, _mlflow_command(settings, layout), settle_seconds=10),
        Program(CODE, _python(*code, "--location-name", CODE_LOCATION), settle_seconds=8),
        Program(WEBSERVER, _python("dagster_webserver", *dagster_address, *workspace), settle_seconds=8),
        Program(DAEMON, _python("dagster._daemon", "run", *workspace), settle_seconds=8),
    ]
    own_mlflow = settings.services.mlflow_tracking_uri_override is None
    return [program for program in programs if own_mlflow or program.name != MLFLOW]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _mlflow_command(settings: Settings, layout: Layout) -> tuple[str, ...]:
    stores = ("--backend-store-uri", f"sqlite:///{layout.mlflow / 'mlflow.db'}")
    artifacts = ("--artifacts-destination", str(layout.mlflow / "artifacts"))
    address = ("--host", settings.services.host, "--port", str(settings.services.mlflow_port), "--workers", "1")
    return _python("mlflow", "server", *stores, *artifacts, *address)


def reachable(host: str) -> str:
    """Return a host at which this machine reaches a service that listens on `host`."""
    return _EVERY_INTERFACE.get(host, host)


def child_environment(settings: Settings, layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of all processes: the caller's, with paths made absolute and reports home switched off."""
    host = reachable(settings.services.host)
    addresses = {
        "API_BASE": settings.services.api_base_override or f"http://{host}:{settings.services.api_port}",
        "RPS_DAGSTER_URL": settings.services.dagster_url_override or f"http://{host}:{settings.services.dagster_port}",
        "MLFLOW_TRACKING_URI": settings.services.mlflow_tracking_uri_override
        or f"http://{host}:{settings.services.mlflow_port}",
    }
    quiet = {
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # Job runners of MLflow that nothing here uses: half a gigabyte of processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        "PYTHONUNBUFFERED": "1",
    }
    threads = {name: str(settings.training.training_threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    # Compiling the networks takes a quarter of the first training; the next ones find them here.
    compiled = {"JAX_COMPILATION_CACHE_DIR": str(layout.data / "jax")}
    paths = {"DATA_PATH": str(layout.data), "DAGSTER_HOME": str(layout.dagster_home), MARKER: str(layout.data)}
    # People read these logs, in a file or where a step of the start has failed.
    logs = {"RPS_LOG_FORMAT": "text"}
    return {**threads, **compiled, **logs, **environ, **quiet, **addresses, **paths}


def render_workspace(layout: Layout) -> str:
    """Return the workspace file that points Dagster's UI and daemon at the one code server."""
    # A path in double quotes with backslashes escaped is YAML whatever it contains.
    socket = str(layout.code_socket).replace("\\", "\\\\").replace('"', '\\"')
    return f'load_from:\n  - grpc_server:\n      socket: "{socket}"\n      location_name: {CODE_LOCATION}\n'


def render_supervisord(programs: list[Program], layout: Layout) -> str:
    """Return supervisord's configuration; the environment is inherited, so no secret is written.

    Raises:
        UpError: a path holds what the configuration cannot.
    """
    config = RawConfigParser()
    config.read_dict(
        {
            "unix_http_server": {"file": _escaped(str(layout.supervisord_socket)), "chmod": "0600"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
            "supervisord": {
                "nodaemon": "true",
                "silent": "true",
                "minfds": "256",
                "logfile": _escaped(str(layout.log_file("supervisord"))),
                "logfile_maxbytes": str(LOG_BYTES),
                "logfile_backups": str(LOG_BACKUPS),
                "pidfile": _escaped(str(layout.run / "supervisord.pid")),
            },
            # One group is stopped at once, several one after the other.
            f"group:{GROUP}": {"programs": ",".join(program.name for program in programs)},
            **{f"program:{program.name}": _program_section(program, layout) for program in programs},
        }
    )
    text = StringIO()
    config.write(text)
    return text.getvalue()


def _program_section(program: Program, layout: Layout) -> dict[str, str]:
    return {
        "command": _escaped(shlex.join(program.command)),
        "autostart": str(program.starts_first).lower(),
        "autorestart": str(program.keep).lower(),
        "startsecs": str(program.settle_seconds),
        "startretries": "4" if program.keep else "0",
        "stopwaitsecs": str(STOP_SECONDS),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": _escaped(str(layout.log_file(program.name))),
        "stdout_logfile_maxbytes": str(LOG_BYTES),
        "stdout_logfile_backups": str(LOG_BACKUPS),
    }


def _escaped(value: str) -> str:
    if " ;" in value or " #" in value or "\n" in value:
        raise UpError(f"supervisord would read {value!r} as a comment; use folders without ' ;', ' #' and line breaks")
    return value.replace("%", "%%")
