"""What is looked at before anything starts; each fault is one sentence that says what to do."""

import socket
from typing import NamedTuple

import psutil
from sqlalchemy import Engine

from rps_cli.up.layout import UpError
from rps_cli.up.programs import reachable
from rps_core.settings import Settings
from rps_core.store import open_engine, upgrade_store
from rps_core.store.analytics import gameplay_counts


class NeededPort(NamedTuple):
    """A port that a service is going to listen on, and the setting that moves it."""

    service: str
    port: int
    setting: str


def needed_ports(settings: Settings) -> list[NeededPort]:
    """Return the ports of the services that `rps up` starts itself."""
    ports = [
        NeededPort("the game", settings.services.api_port, "RPS_API_PORT"),
        NeededPort("Dagster", settings.services.dagster_port, "RPS_DAGSTER_PORT"),
    ]
    if settings.services.mlflow_tracking_uri_override is None:
        ports.append(NeededPort("MLflow", settings.services.mlflow_port, "RPS_MLFLOW_PORT"))
    return ports


def check_ports(settings: Settings) -> None:
    """Make sure that each service can listen where it should.

    Raises:
        UpError: a port is named twice, taken or forbidden, or the host is not one of this machine.
    """
    ports = needed_ports(settings)
    for needed in ports:
        same = [other for other in ports if other.port == needed.port and other != needed]
        if same:
            raise UpError(
                f"{needed.service} and {same[0].service} cannot both use port {needed.port}; set {needed.setting} or "
                f"{same[0].setting} to another one"
            )
        _check_port(settings.services.host, needed)


def _check_port(host: str, needed: NeededPort) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, needed.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the servers do: a connection of an earlier session that is still closing is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror as error:
        raise UpError(f"RPS_HOST is {host!r}, which is no address of this machine: {error.strerror}") from error
    except OSError as error:
        raise UpError(
            f"port {needed.port} on {host}, which {needed.service} needs, cannot be used: "
            f"{_reason(needed.port, error)}; free it, or set {needed.setting} to another port"
        ) from error


def _reason(port: int, error: OSError) -> str:
    holder = port_holder(port)
    return f"it is held by {holder}" if holder else str(error.strerror or error)


def port_holder(port: int) -> str | None:
    """Return who listens on a port, as far as this user may know."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return _named(connection.pid) if connection.pid else None
    return None


def _named(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return f"process {pid}"
    return f"process {pid} ({command[:80]})"


def is_answering(host: str, port: int) -> bool:
    """Return whether something accepts connections on a port."""
    try:
        with socket.create_connection((reachable(host).strip("[]"), port), timeout=1.0):
            return True
    except OSError:
        return False


def open_store(settings: Settings) -> Engine:
    """Open the gameplay store and bring it to the newest schema.

    Raises:
        StoreError: it is damaged, foreign, newer than this code or out of reach.
    """
    engine = open_engine(settings.storage.database_url, sqlite_synchronous=settings.storage.sqlite_synchronous)
    try:
        upgrade_store(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def finished_games(engine: Engine) -> int:
    """Return how many games the store holds that were played to their end."""
    with engine.connect() as connection:
        return gameplay_counts(connection).finished_games
