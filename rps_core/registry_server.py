"""MLflow's tracking server, read over HTTP: aliases, versions and files of runs. MLflow is not needed for it.

Only Dagster writes to the registry, with MLflow's own client.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from rps_core.addresses import Credentials, public_address
from rps_core.errors import RpsError
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, Alias, Slot
from rps_core.http_clients import HttpSetupError, http_client

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
TIMEOUT_SECONDS = 20.0
# Tag of a version: the version that its slot held before; a rollback goes back to it.
REPLACES_TAG = "replaces_version"


class RegistryFault(RpsError):
    """MLflow gives no answer, refuses the request, or answers in an unknown form."""


class NotAServer(RegistryFault):
    """The registry is a database or a folder; only MLflow's own client can read it."""


class AliasedVersion(NamedTuple):
    """The version at one alias, with the tags it was registered with."""

    slot: Slot
    version: str
    run_id: str
    tags: Mapping[str, str]


class _Alias(msgspec.Struct):
    alias: str
    version: str


class _Model(msgspec.Struct):
    aliases: Sequence[_Alias] = ()


class _ModelReply(msgspec.Struct):
    registered_model: _Model


class _ModelsReply(msgspec.Struct):
    registered_models: Sequence[_Model] = ()


class _Tag(msgspec.Struct):
    key: str
    value: str = ""


class _Version(msgspec.Struct):
    run_id: str = ""
    tags: Sequence[_Tag] = ()


class _VersionReply(msgspec.Struct):
    model_version: _Version


class RegistryServer:
    """Reads one tracking server. Each call opens its own connection, so threads can share an object.

    Args:
        tracking_uri: address of the server.
        credentials: user and password, if the server asks.
        timeout_seconds: longest wait for an answer.
    """

    def __init__(
        self, tracking_uri: str, credentials: Credentials | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._base_url = tracking_uri.rstrip("/")
        self._credentials = credentials
        self._timeout_seconds = timeout_seconds

    def __str__(self) -> str:
        return public_address(self._base_url)

    def aliased_versions(self) -> list[AliasedVersion]:
        """Return the version at each alias of the three families, in the order of the slots.

        Raises:
            NotAServer, RegistryFault: the registry is not a server, or does not answer as expected.
        """
        with self._open() as client:
            return [
                found
                for family in FAMILIES
                for alias, version in self._aliases(client, REGISTERED_NAMES[family])
                if (found := self._version(client, Slot(family, alias), version))
            ]

    def tags_of(self, slot: Slot, version: str) -> Mapping[str, str] | None:
        """Return the tags of a version of the slot's family, or None if it does not exist.

        Raises:
            NotAServer, RegistryFault: as for `aliased_versions`.
        """
        with self._open() as client:
            found = self._version(client, slot, version)
        return None if found is None else found.tags

    def count_models(self) -> int:
        """Return how many models are registered, at most 100.

        Raises:
            NotAServer, RegistryFault: as for `aliased_versions`.
        """
        with self._open() as client:
            reply = self._ask(client, "registered-models/search", _ModelsReply, max_results="100")
        return 0 if reply is None else len(reply.registered_models)

    def read_files(self, run_id: str, max_bytes: Mapping[str, int]) -> tuple[bytes, ...]:
        """Return files of a run.

        Args:
            run_id: the run.
            max_bytes: the files' paths, each with its largest accepted size.

        Raises:
            NotAServer, RegistryFault: as for `aliased_versions`, or the run has no such file, or it is too large.
        """
        with self._open() as client:
            return tuple(self._read_file(client, run_id, path, limit) for path, limit in max_bytes.items())

    def _aliases(self, client: "httpx.Client", name: str) -> list[tuple[Alias, str]]:
        reply = self._ask(client, "registered-models/get", _ModelReply, name=name)
        held = {} if reply is None else {entry.alias: entry.version for entry in reply.registered_model.aliases}
        return [(alias, held[alias]) for alias in ALIASES if alias in held]

    def _version(self, client: "httpx.Client", slot: Slot, version: str) -> AliasedVersion | None:
        name = REGISTERED_NAMES[slot.family]
        reply = self._ask(client, "model-versions/get", _VersionReply, name=name, version=version)
        if reply is None:
            return None
        found = reply.model_version
        return AliasedVersion(slot, version, found.run_id, {tag.key: tag.value for tag in found.tags})

    @contextmanager
    def _open(self) -> "Iterator[httpx.Client]":
        if not self._base_url.startswith(("http://", "https://")):
            raise NotAServer(f"MLFLOW_TRACKING_URI={self} is not the address of an MLflow server")
        # The code location and the API import this module when they start; few of their processes need httpx.
        import httpx

        try:
            with http_client(
                self._base_url, timeout=self._timeout_seconds, auth=self._credentials, follow_redirects=True
            ) as client:
                yield client
        except HttpSetupError as error:
            raise RegistryFault(f"MLflow at {self} cannot be called: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            fault = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
            raise RegistryFault(
                f"MLflow at {self} did not answer ({fault}); check that it runs and that MLFLOW_TRACKING_URI is its "
                "address"
            ) from error

    def _ask(self, client: "httpx.Client", endpoint: str, kind: type[T], **parameters: str) -> T | None:
        """Return the reply of an endpoint, or None if the object does not exist."""
        response = client.get(f"{self._base_url}/api/2.0/mlflow/{endpoint}", params=parameters)
        if response.status_code == HTTPStatus.NOT_FOUND and b"RESOURCE_DOES_NOT_EXIST" in response.content:
            return None
        try:
            return msgspec.json.decode(response.raise_for_status().content, type=kind, strict=False)
        except msgspec.DecodeError as error:
            raise RegistryFault(
                f"{self} answered {endpoint} in an unknown form ({error}); check that MLFLOW_TRACKING_URI is MLflow's "
                "address"
            ) from error

    def _read_file(self, client: "httpx.Client", run_id: str, path: str, max_bytes: int) -> bytes:
        # The server reads the file from where the run keeps it: its own folder, a bucket or a disk.
        parameters = {"run_id": run_id, "path": path}
        with client.stream("GET", f"{self._base_url}/get-artifact", params=parameters) as response:
            if response.is_error:
                raise RegistryFault(
                    f"MLflow at {self} cannot read {path} of run {run_id} ({response.status_code}); check that it is "
                    "in its artifact store"
                )
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > max_bytes:
                    raise RegistryFault(
                        f"{path} of run {run_id} has more than {max_bytes} bytes, the largest accepted size"
                    )
        return bytes(data)
