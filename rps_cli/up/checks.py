"""Checks before anything starts, and the gameplay store that `rps up` opens."""

import socket

from sqlalchemy import Engine

from rps_cli.network import Service, own_services, port_holder
from rps_cli.up.layout import UpError
from rps_core.settings import ServiceSettings
from rps_core.store.analytics.performance import gameplay_counts


def check_ports(services: ServiceSettings) -> None:
    """Make sure that each service can listen on its port.

    Raises:
        UpError: two services have the same port, a port is in use or forbidden, or the host is not this machine.
    """
    seen: dict[int, Service] = {}
    for service in own_services(services):
        if other := seen.get(service.port):
            raise UpError(
                f"{other.name} and {service.name} cannot both use port {service.port}; set {other.setting} or "
                f"{service.setting} to another port"
            )
        seen[service.port] = service
        _check_port(services.host, service)


def _check_port(host: str, service: Service) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, service.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the servers do: a closing connection of an earlier session does not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror as error:
        raise UpError(f"RPS_HOST is {host!r}, which is not an address of this machine: {error.strerror}") from error
    except OSError as error:
        holder = port_holder(service.port)
        fault = f"in use by {holder}" if holder else str(error.strerror or error)
        raise UpError(
            f"{service.name} cannot use port {service.port} on {host}: {fault}; stop that process, or set "
            f"{service.setting} to another port"
        ) from error


def finished_games(engine: Engine) -> int:
    """Return how many finished games the store holds."""
    with engine.connect() as connection:
        return gameplay_counts(connection).finished_games
