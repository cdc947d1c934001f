"""Clients of HTTP share the authorities that they trust."""

import ssl

import httpx
import pytest

from rps_core.api_client import ApiClient
from rps_core.certificates import trusted_authorities
from rps_core.dagster_runs import DagsterRuns
from rps_core.errors import RpsError
from rps_core.registry_server import RegistryServer
from tests.builders.ports import free_port


def test_a_process_reads_the_authorities_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ssl.SSLContext] = []

    def create() -> ssl.SSLContext:
        read.append(ssl.create_default_context())
        return read[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", create)
    trusted_authorities.cache_clear()
    address = f"http://127.0.0.1:{free_port()}"
    for _ in range(2):
        assert not ApiClient(address).is_up()
        with pytest.raises(RpsError):
            RegistryServer(address).aliased_versions()
        with pytest.raises(RpsError):
            DagsterRuns(address).query("{ version }", {})
    assert len(read) == 1
    trusted_authorities.cache_clear()


def test_they_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{tmp_path}/missing.pem")
    trusted_authorities.cache_clear()
    with pytest.raises(FileNotFoundError):
        trusted_authorities()
    trusted_authorities.cache_clear()
