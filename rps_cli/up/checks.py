"""Checks before anything starts."""

import socket

from rps_cli.network import Service, bind_address, own_services, port_holder
from rps_cli.up.layout import UpError
from rps_core.settings import ServiceSettings


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
        check_port(services.host, service)


def check_port(host: str, service: Service) -> None:
    """Make sure that a service can listen on its port.

    Raises:
        RpsError: the port is in use or forbidden, or the host is not this machine.
    """
    address = (bind_address(host), service.port)
    try:
        with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as probe:
            # As the servers do: a closing connection of an earlier session does not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        holder = port_holder(service.port)
        fault = f"in use by {holder}" if holder else str(error.strerror or error)
        raise UpError(
            f"{service.name} cannot use port {service.port} on {host}: {fault}; stop that process, or set "
            f"{service.setting} to another port, or RPS_HOST to an address of this machine"
        ) from error
