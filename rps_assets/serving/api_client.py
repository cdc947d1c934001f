"""The API as the graph sees it: what it serves, and the request to reload."""

from typing import TYPE_CHECKING, Any, NamedTuple

from rps_core.errors import RpsError, UnknownModelSlot
from rps_core.game.families import Slot, parse_alias, parse_family

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 15.0


class ApiError(RpsError):
    """The API does not answer, or answers something else than was asked for."""


class ServedModel(NamedTuple):
    """What the API serves in a slot."""

    version: str
    run_id: str


class ApiClient:
    """A few endpoints of one API; safe to keep, each call opens its own connection."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def served_models(self) -> dict[Slot, ServedModel]:
        """Return what each slot serves; a slot without a model is left out.

        Raises:
            ApiError: no answer, or an answer of another shape.
        """
        return parse_served(self._request("GET", "/models").json())

    def reload_models(self) -> None:
        """Ask for the current cache index to be loaded.

        Raises:
            ApiError: no answer, or a refusal.
        """
        self._request("POST", "/models/reload")

    def report_training(self, slot: Slot, status: str, duration_seconds: float | None = None) -> None:
        """Let the API count a training that ended, as a ``success`` or a ``failure``.

        Raises:
            ApiError: no answer, or a refusal.
        """
        body = {"model_type": slot.family, "alias": slot.alias, "status": status, "duration_seconds": duration_seconds}
        self._request("POST", "/internal/training/complete", {**body, "source": "dagster"})

    def is_up(self) -> bool:
        """Return whether the API answers at all."""
        try:
            self._request("GET", "/healthz")
        except ApiError:
            return False
        return True

    def _request(self, method: str, path: str, body: object = None) -> "httpx.Response":
        import httpx

        try:
            response = httpx.request(
                method, f"{self.base_url}{path}", headers=self._headers, json=body, timeout=TIMEOUT_SECONDS
            )
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise ApiError(
                f"{method} {self.base_url}{path} answered {error.response.status_code}: {error.response.text[:300]}"
            ) from error
        except httpx.HTTPError as error:
            raise ApiError(f"{method} {self.base_url}{path} got no answer: {error or type(error).__name__}") from error
        return response


def parse_served(payload: Any) -> dict[Slot, ServedModel]:
    """Read the answer of ``GET /models``: family -> {…, "aliases": {alias: {"version", "run_id", …} or null}}.

    Raises:
        ApiError: the answer has another shape.
    """
    try:
        return {
            Slot(parse_family(family), parse_alias(alias)): ServedModel(str(held["version"]), str(held["run_id"]))
            for family, described in payload.items()
            for alias, held in described["aliases"].items()
            if held and held.get("run_id")
        }
    except (AttributeError, KeyError, TypeError, UnknownModelSlot) as error:
        raise ApiError(f"GET /models answered in an unknown shape ({error!r})") from error
