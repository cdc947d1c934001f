"""The services that this machine runs: where they listen, whether they answer, and who holds their ports."""

import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rps_core.addresses import parse_address
from rps_core.errors import SettingsError
from rps_core.http_clients import HttpSetupError, http_client
from rps_core.settings import ServiceSettings

CONNECT_SECONDS = 1.0
PROBE_SECONDS = 5.0
MAX_COMMAND_CHARACTERS = 80


class Service(NamedTuple):
    """A service that `rps up` starts.

    Attributes:
        setting: the setting that moves the service to another port.
        health_path: a path at which only this service answers with success.
    """

    name: str
    port: int
    setting: str
    health_path: str


def own_services(services: ServiceSettings) -> list[Service]:
    """Return the services that `rps up` starts itself."""
    found = [
        Service("the API", services.api_port, "RPS_API_PORT", "/healthz"),
        Service("Dagster", services.dagster_port, "RPS_DAGSTER_PORT", "/server_info"),
    ]
    if services.mlflow_tracking_uri_override is None:
        found.append(Service("MLflow", services.mlflow_port, "RPS_MLFLOW_PORT", "/health"))
    return found


def bind_address(host: str) -> str:
    """Return the IP address to listen on, because the API's server takes no names.

    Raises:
        SettingsError: the name is unknown.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"RPS_HOST is {host!r}, which is unknown here ({error}); use an IP address of this machine"
        ) from error
    # Most machines have an IPv4 address under their name, and not all have another.
    return str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])


def own_names(services: ServiceSettings) -> list[str]:
    """Return the names and addresses under which other machines may know this one."""
    import psutil

    addresses = [entry.address for entries in psutil.net_if_addrs().values() for entry in entries]
    names = [services.host, "localhost", socket.gethostname(), f"{socket.gethostname()}.local", socket.getfqdn()]
    found = names
    for address in addresses:
        # Without the zone of a link-local address; hardware addresses are left out.
        plain = address.partition("%")[0]
        try:
            found.append(f"[{plain}]" if ipaddress.ip_address(plain).version == 6 else plain)
        except ValueError:
            continue
    return list(dict.fromkeys(found))


def accepts_connections(host: str, port: int) -> bool:
    """Return whether something accepts connections on a port."""
    try:
        with socket.create_connection((host.strip("[]"), port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def fault_of(url: str) -> str | None:
    """Return why a GET request to `url` fails, or None if it succeeds."""
    # `rps up` imports this module before it starts anything; httpx would delay the page.
    import httpx

    try:
        address, credentials = parse_address(url)
        with http_client(address, auth=credentials, timeout=PROBE_SECONDS) as client:
            response = client.get(address)
    except HttpSetupError as error:
        return str(error)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__
    return f"status {response.status_code}" if response.is_error else None


def port_holder(port: int) -> str | None:
    """Return the process that listens on a port; None if this user may not see it or psutil is not installed."""
    pid = _listener(port)
    return _describe_process(pid) if pid else None


def holder_folder(port: int, variables: Sequence[str]) -> Path | None:
    """Return the folder that the first set variable of the process on a port names; None if it cannot be read."""
    import psutil

    try:
        pid = _listener(port)
        process = psutil.Process(pid) if pid else None
        environment = process.environ() if process else {}
        named = next((environment[name] for name in variables if environment.get(name)), None)
        return Path(process.cwd(), named).resolve() if process and named else None
    except (psutil.Error, OSError):
        return None


def _listener(port: int) -> int | None:
    try:
        import psutil
    except ModuleNotFoundError:
        return None
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return None
    for found in connections:
        if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port:
            return found.pid
    return None


def _describe_process(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return f"process {pid}"
    one_line = " ".join(command.split())
    return f"process {pid} ({one_line[:MAX_COMMAND_CHARACTERS]})"
