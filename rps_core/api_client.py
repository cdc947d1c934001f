"""Client of the game's HTTP API, for the asset graph and the command line."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rps_core.addresses import parse_address
from rps_core.errors import RpsError, UnknownModelSlot
from rps_core.game.families import ModelIdentity, Slot, parse_alias, parse_family
from rps_core.http_clients import HttpSetupError, http_client, http_fault

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 15.0
MAX_SHOWN_CHARACTERS = 300


class ApiError(RpsError):
    """The API gives no answer, refuses the request or answers in an unknown shape."""


class ApiClient:
    """A client of one API. Each call opens its own connection, so threads can share a client.

    Args:
        base_url: address of the API, with or without a trailing slash.
        token: the operators' token, if the API has one.
        timeout_seconds: longest wait for an answer.
    """

    def __init__(self, base_url: str, token: str | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.base_url = base_url.rstrip("/")
        self.address, self._credentials = parse_address(self.base_url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout_seconds = timeout_seconds

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of an answer.

        Raises:
            ApiError: no answer, a refusal, or an answer that is not JSON.
        """
        return _json(self._request("GET", path, parameters=parameters))

    def post(self, path: str, body: object = None) -> Any:
        """Send a request that changes something and return the JSON of the answer.

        Raises:
            ApiError: no answer, a refusal, or an answer that is not JSON.
        """
        return _json(self._request("POST", path, body=body))

    def is_up(self) -> bool:
        """Return whether the API answers at all."""
        try:
            self._request("GET", "/healthz")
        except ApiError:
            return False
        return True

    def require_alive(self) -> None:
        """Require an answer before many requests, each of which would wait long for an API that may be starting.

        Raises:
            ApiError: no answer, or a refusal.
        """
        self._request("GET", "/healthz")

    def readiness(self) -> Any:
        """Return the answer of ``GET /readyz``, which explains itself also when the API is not ready.

        Raises:
            ApiError: no answer, a refusal, or an answer that is not JSON.
        """
        return _json(self._request("GET", "/readyz", accepted=HTTPStatus.SERVICE_UNAVAILABLE))

    def metrics_text(self) -> str:
        """Return the metrics in Prometheus' text format.

        Raises:
            ApiError: no answer, or a refusal.
        """
        return self._request("GET", "/metrics").text

    def served_models(self) -> dict[Slot, ModelIdentity]:
        """Return the model that each slot serves, without the empty slots.

        Raises:
            ApiError: no answer, or an answer of another shape.
        """
        return parse_served(self.get("/models"))

    def reload_models(self) -> None:
        """Ask the API to load the models that the cache index names now.

        Raises:
            ApiError: no answer, or a refusal.
        """
        self._request("POST", "/models/reload")

    def report_training(self, slot: Slot, status: str, duration_seconds: float | None = None) -> None:
        """Report that a training ended, so that the API counts it. `status` is ``success`` or ``failure``.

        Raises:
            ApiError: no answer, or a refusal.
        """
        body = {"model_type": slot.family, "alias": slot.alias, "status": status, "duration_seconds": duration_seconds}
        self._request("POST", "/internal/training/complete", body={**body, "source": "dagster"})

    def _request(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, Any] | None = None,
        body: object = None,
        accepted: HTTPStatus | None = None,
    ) -> "httpx.Response":
        # The code location imports this module at its start; only runs need httpx.
        import httpx

        url = f"{self.address}{path}"
        try:
            with http_client(url, auth=self._credentials, timeout=self._timeout_seconds) as client:
                # An empty dictionary would remove the query of the path.
                response = client.request(method, url, params=parameters or None, json=body, headers=self._headers)
        except HttpSetupError as error:
            raise ApiError(f"{method} {url} cannot be sent: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise ApiError(
                f"{method} {url} got no answer ({http_fault(error)}); start the product with `rps up`, or "
                "set API_BASE or --url to the address of a running API"
            ) from error
        if response.is_error and response.status_code != accepted:
            is_refused = response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
            todo = "; set RPS_API_TOKEN to the token of the API" if is_refused else ""
            shown = response.text[:MAX_SHOWN_CHARACTERS]
            raise ApiError(f"{method} {url} answered {response.status_code}: {shown}{todo}")
        return response


def parse_served(payload: Any) -> dict[Slot, ModelIdentity]:
    """Read the answer of ``GET /models``: family -> {…, "aliases": {alias: {"version", "run_id", …} or null}}.

    Raises:
        ApiError: the answer has another shape.
    """
    try:
        return {
            Slot(parse_family(family), parse_alias(alias)): ModelIdentity(str(model["version"]), str(model["run_id"]))
            for family, described in payload.items()
            for alias, model in described["aliases"].items()
            if model and model.get("run_id")
        }
    except (AttributeError, KeyError, TypeError, UnknownModelSlot) as error:
        raise ApiError(f"GET /models answered in an unknown shape ({error!r})") from error


def _json(response: "httpx.Response") -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise ApiError(f"{response.request.url} did not answer with JSON: {response.text[:100]!r}") from error
