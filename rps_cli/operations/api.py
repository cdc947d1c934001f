"""The API as an operator asks it: with the token, and with a sentence for whatever goes wrong."""

from typing import Any, NamedTuple

import httpx

from rps_cli.operations.series import Series, parse_series
from rps_core.errors import RpsError, UnknownModelSlot
from rps_core.game.families import Slot, parse_alias, parse_family
from rps_core.settings import Settings

TIMEOUT_SECONDS = 30.0
# The one address that answers 503 and says why.
READINESS = "/readyz"


class ApiFault(RpsError):
    """The API does not answer, or answers something else than was asked for."""


class HeldModel(NamedTuple):
    """What fills a slot."""

    version: str
    run_id: str

    def __str__(self) -> str:
        return f"version {self.version} (run {self.run_id[:8]})"


class Api:
    """One API at one address.

    Args:
        base_url: its address, without a trailing slash.
        token: the operators' token, if one is configured.
    """

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of an answer.

        Raises:
            ApiFault: no answer, a refusal, or no JSON.
        """
        return self._json(self._request("GET", path, parameters))

    def post(self, path: str) -> Any:
        """Ask for something to be done and return the JSON of the answer.

        Raises:
            ApiFault: no answer, a refusal, or no JSON.
        """
        return self._json(self._request("POST", path, {}))

    def text(self, path: str) -> str:
        """Return an answer as text.

        Raises:
            ApiFault: no answer, or a refusal.
        """
        return self._request("GET", path, {}).text

    def series(self) -> Series:
        """Return what a scrape returns.

        Raises:
            ApiFault: no answer, or a refusal.
        """
        return parse_series(self.text("/metrics"))

    def served(self) -> dict[Slot, HeldModel]:
        """Return what each slot serves; an empty slot is left out.

        Raises:
            ApiFault: no answer, or one of another shape.
        """
        answer = self.get("/models")
        try:
            return {
                Slot(parse_family(family), parse_alias(alias)): HeldModel(str(held["version"]), str(held["run_id"]))
                for family, described in answer.items()
                for alias, held in described["aliases"].items()
                if held
            }
        except (AttributeError, KeyError, TypeError, UnknownModelSlot) as error:
            raise ApiFault(f"GET /models answered in an unknown shape ({error!r})") from error

    def _request(self, method: str, path: str, parameters: dict[str, Any]) -> httpx.Response:
        try:
            response = httpx.request(
                method,
                f"{self.base_url}{path}",
                # Empty ones would take the place of those in the path.
                params=parameters or None,
                headers=self._headers,
                timeout=TIMEOUT_SECONDS,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiFault(
                f"{method} {self.base_url}{path} got no answer ({error or type(error).__name__}); start the product "
                "with `rps up`, or name the address of a running one with --url"
            ) from error
        if response.status_code in {401, 403}:
            raise ApiFault(
                f"{method} {path} was refused ({response.status_code}); set RPS_API_TOKEN to the token of the API"
            )
        if response.is_error and not (path == READINESS and response.status_code == httpx.codes.SERVICE_UNAVAILABLE):
            raise ApiFault(f"{method} {path} answered {response.status_code}: {response.text[:300]}")
        return response

    @staticmethod
    def _json(response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise ApiFault(f"{response.request.url.path} answered no JSON: {response.text[:100]!r}") from error


def open_api(settings: Settings, url: str | None = None) -> Api:
    """Return the API at `url`, or that of the settings, with the operators' token."""
    token = settings.http.api_token.get_secret_value() if settings.http.api_token else None
    return Api((url or settings.services.api_base_url).rstrip("/"), token)
