"""The observatory's endpoint; its page is served by `rps_api.ui`."""

from litestar import Controller, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency

from rps_api.observatory.schemas import ObservatoryState
from rps_api.observatory.service import Observatory
from rps_api.problems import NO_STORE


class ObservatoryController(Controller):
    """The loop, for everybody."""

    tags = ("observatory",)

    @get(
        "/observatory/state",
        sync_to_thread=True,
        operation_id="observatoryState",
        responses={503: NO_STORE},
        cache_control=CacheControlHeader(no_store=True),
    )
    def state(self, observatory: NamedDependency[Observatory]) -> ObservatoryState:
        """Return sums, rates, versions and times of the whole loop; nothing about a single player or game."""
        return observatory.state()


OBSERVATORY_HANDLERS = [ObservatoryController]
