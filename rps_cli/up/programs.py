"""The processes of one machine: command, environment and configuration of each. Nothing is started here."""

import re
import shlex
import sys
from collections.abc import Mapping
from configparser import RawConfigParser
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from rps_api.server import KILL_SECONDS
from rps_cli.network import bind_address, own_names
from rps_cli.up.layout import Layout, UpError
from rps_core import NO_TELEMETRY
from rps_core.dagster_runs import CODE_LOCATION
from rps_core.proxies import bypass_proxies, is_loopback
from rps_core.settings import ServiceSettings, TrainingSettings

# Every process of a session has the data folder in its environment, by which it is found after a crash.
MARKER = "RPS_UP_DATA"
API, MLFLOW, PREPARE = "api", "mlflow", "dagster-prepare"
CODE, WEBSERVER, DAEMON = "dagster-code", "dagster-webserver", "dagster-daemon"
GROUP = "rps"
# Configuration of the API's logs, which the server reads in each worker.
API_LOGGING = Path(__file__).parents[2] / "rps_api" / "logs" / "logging.json"

# What the allocators of the C library and of Polars keep of freed memory. By default, threads get up to eight heaps a
# core, and pages stay for ten seconds and more: 280 MB after three million examples were read. 300 ms cost no time.
ALLOCATORS = {"MALLOC_ARENA_MAX": "2", "_RJEM_MALLOC_CONF": "dirty_decay_ms:300,muzzy_decay_ms:0"}

STOP_SECONDS = 10
LOG_BYTES = 10_000_000
LOG_BACKUPS = 3


class Program(NamedTuple):
    """One supervised process.

    Attributes:
        command: its argument vector.
        settle_seconds: a process that ends sooner has failed to start; supervisord retries with growing pauses.
        starts_first: whether it starts with supervisord; `session` starts the others later.
        keep: whether it is restarted when it ends.
    """

    name: str
    command: tuple[str, ...]
    settle_seconds: int
    starts_first: bool = False
    keep: bool = True


def api_command(services: ServiceSettings) -> tuple[str, ...]:
    """Return the command that serves the API: one worker process, which holds the models."""
    server = ("-m", "rps_api.server", "--interface", "asgi", "--factory", "--workers", "1")
    address = ("--host", bind_address(services.host), "--port", str(services.api_port))
    options = ("--workers-kill-timeout", str(KILL_SECONDS), "--log-config", str(API_LOGGING))
    return (sys.executable, *server, *address, *options, "rps_api.app:create_app")


def plan_programs(services: ServiceSettings, layout: Layout) -> list[Program]:
    """Return the processes in the order of their start, without MLflow if MLFLOW_TRACKING_URI is set."""
    workspace = ("-w", str(layout.workspace))
    dagster_address = ("-h", bind_address(services.host), "-p", str(services.dagster_port))
    code = ("dagster", "api", "grpc", "--socket", str(layout.code_socket), "-m", "rps_assets.definitions")
    programs = [
        Program(API, api_command(services), settle_seconds=2, starts_first=True),
        Program(PREPARE, _python("rps_assets.automation.instance"), settle_seconds=0, keep=False),
        Program(MLFLOW, _mlflow_command(services, layout), settle_seconds=10),
        Program(CODE, _python(*code, "--location-name", CODE_LOCATION), settle_seconds=8),
        Program(WEBSERVER, _python("dagster_webserver", *dagster_address, *workspace), settle_seconds=8),
        Program(DAEMON, _python("dagster._daemon", "run", *workspace), settle_seconds=8),
    ]
    own_mlflow = services.mlflow_tracking_uri_override is None
    return [program for program in programs if own_mlflow or program.name != MLFLOW]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _mlflow_command(services: ServiceSettings, layout: Layout) -> tuple[str, ...]:
    stores = ("--backend-store-uri", f"sqlite:///{layout.plain_mlflow / 'mlflow.db'}")
    artifacts = ("--artifacts-destination", str(layout.plain_mlflow / "artifacts"))
    address = ("--host", bind_address(services.host), "--port", str(services.mlflow_port), "--workers", "1")
    return _python("rps_cli.up.mlflow_server", *stores, *artifacts, *address)


def child_environment(
    services: ServiceSettings, training: TrainingSettings, layout: Layout, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of all processes: the caller's, with absolute paths and without telemetry."""
    addresses = {
        "API_BASE": services.api_base_url,
        "RPS_DAGSTER_URL": services.dagster_base_url,
        "MLFLOW_TRACKING_URI": services.mlflow_tracking_uri,
        **services.mlflow_environment,
    }
    quiet = {
        **NO_TELEMETRY,
        # MLflow's job runners take half a gigabyte, and nothing here uses them.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        "PYTHONUNBUFFERED": "1",
    }
    threads = {name: str(training.training_threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    # Compiling the networks takes a quarter of the first training; later ones reuse the result.
    # With a largest size, JAX also locks the folder while a process reads or writes it.
    compiled = {"JAX_COMPILATION_CACHE_DIR": str(layout.data / "jax"), "JAX_COMPILATION_CACHE_MAX_SIZE": "100000000"}
    paths = {"DATA_PATH": str(layout.data), "DAGSTER_HOME": str(layout.plain_dagster_home), MARKER: str(layout.data)}
    # People read these logs: in a file, or in the message about a failed start.
    logs = {"RPS_LOG_FORMAT": "text"}
    # A blank variable is unset, for the libraries too.
    given = {name: value for name, value in environ.items() if value.strip()}
    names = _mlflow_names(services)
    environment = {**threads, **ALLOCATORS, **compiled, **logs, **names, **given, **quiet, **addresses, **paths}
    bypass_proxies(environment, services.reachable_host.strip("[]"))
    return environment


def _mlflow_names(services: ServiceSettings) -> dict[str, str]:
    """Return the names under which MLflow answers if others reach it; by default it refuses most of them."""
    public = urlsplit(services.mlflow_public_url or "")
    if is_loopback(services.host) and not public.netloc:
        return {}
    names = [f"{name}:{services.mlflow_port}" for name in own_names(services)]
    hosts, origins = (
        [*names, public.netloc],
        [*(f"http://{name}" for name in names), f"{public.scheme}://{public.netloc}"],
    )
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(filter(None, hosts)),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins if public.netloc else origins[:-1]),
    }


def render_workspace(layout: Layout) -> str:
    """Return the workspace file, by which Dagster's UI and daemon find the code server."""
    socket = f'"{layout.code_socket}"'
    return f"load_from:\n  - grpc_server:\n      socket: {socket}\n      location_name: {CODE_LOCATION}\n"


def render_supervisord(programs: list[Program], layout: Layout) -> str:
    """Return supervisord's configuration; it contains no secrets, because processes inherit the environment.

    Raises:
        UpError: a path contains characters that the configuration cannot express.
    """
    config = RawConfigParser()
    config.read_dict(
        {
            "unix_http_server": {"file": str(layout.supervisord_socket), "chmod": "0600"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
            "supervisord": {
                "nodaemon": "true",
                "silent": "true",
                "minfds": "256",
                "logfile": "%(here)s/../logs/supervisord.log",
                "logfile_maxbytes": str(LOG_BYTES),
                "logfile_backups": str(LOG_BACKUPS),
                "pidfile": "%(here)s/supervisord.pid",
            },
            # supervisord stops the processes of a group at the same time.
            f"group:{GROUP}": {"programs": ",".join(program.name for program in programs)},
            **{f"program:{program.name}": _program_section(program) for program in programs},
        }
    )
    text = StringIO()
    config.write(text)
    return text.getvalue()


def _program_section(program: Program) -> dict[str, str]:
    return {
        "command": _escaped(program.command),
        "autostart": str(program.starts_first).lower(),
        "autorestart": str(program.keep).lower(),
        "startsecs": str(program.settle_seconds),
        "startretries": "4" if program.keep else "0",
        "stopwaitsecs": str(STOP_SECONDS),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        # supervisord expands this value twice, so the path of the folder arrives last.
        "stdout_logfile": f"%%(here)s/../logs/{program.name}.log",
        "stdout_logfile_maxbytes": str(LOG_BYTES),
        "stdout_logfile_backups": str(LOG_BACKUPS),
    }


def _escaped(command: tuple[str, ...]) -> str:
    """Return a command as supervisord reads it: a comment starts after a blank, a percent sign is expanded."""
    for argument in command:
        if not argument.isprintable():
            raise UpError(f"the path {argument!r} contains a control character; rename that folder")
    # Two quotes between a blank and the sign separate them; the shell's rules join the parts again.
    return re.sub(r"(\s)([;#])", r"\1''\2", shlex.join(command)).replace("%", "%%")
