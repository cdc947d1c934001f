"""Records every attempt of a process and its children to leave this machine.

Python code is watched by an audit hook, which `sitecustomize` installs in each interpreter. Native code, like
onnxruntime's, is not seen there: its HTTP clients find a proxy in the environment, which notes whom they ask for.
"""

import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rps_core import NO_TELEMETRY

# MLflow reports nothing where it finds one of these.
_TEST_RUN = {"CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"}
_HOOK = """
import ipaddress, os, sys

def watch(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", os.uname().nodename):
        return
    try:
        if ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified:
            return
    except ValueError:
        pass
    with open(os.environ["GUARD_RECORD"], "a") as record:
        record.write(f"{event} {host} by {sys.argv}\\n")

sys.addaudithook(watch)
"""


class Guard(NamedTuple):
    """Environment for the processes to watch, and where their attempts are recorded."""

    environment: dict[str, str]
    home: Path
    record: Path

    def attempts(self) -> list[str]:
        """Return what was recorded, and files that identify this machine to others."""
        recorded = self.record.read_text().splitlines() if self.record.exists() else []
        return recorded + [str(path) for path in self.home.rglob("*") if path.name in {"deviceid", ".telemetry"}]


@contextmanager
def network_guard(folder: Path) -> Iterator[Guard]:
    """Yield an environment with a home of its own, without anything that turns off telemetry by itself."""
    home, record = folder / "home", folder / "attempts"
    home.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(_HOOK)

    class Recorder(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with record.open("a") as file:
                file.write(f"proxy asked for {self.rfile.readline(1000).decode(errors='replace')}")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Recorder) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        proxies = {
            name: proxy for kind in ("http", "https", "all") for name in (f"{kind}_proxy", f"{kind}_PROXY".upper())
        }
        inherited = {name: value for name, value in os.environ.items() if name not in _TEST_RUN | NO_TELEMETRY.keys()}
        watched = {"HOME": str(home), "PYTHONPATH": str(folder), "GUARD_RECORD": str(record)}
        local = {"no_proxy": "localhost,127.0.0.1", "NO_PROXY": "localhost,127.0.0.1"}
        yield Guard(inherited | proxies | local | watched, home, record)
        server.shutdown()
