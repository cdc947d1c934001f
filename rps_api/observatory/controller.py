"""The endpoint of the observatory. `rps_api.ui` serves its page."""

from litestar import Controller, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency

from rps_api.observatory.schemas import ObservatoryState
from rps_api.observatory.service import Observatory
from rps_api.problems import NO_STORE


class ObservatoryController(Controller):
    """Public totals of the loop."""

    tags = ("observatory",)

    @get(
        "/observatory/state",
        sync_to_thread=True,
        operation_id="observatoryState",
        responses={503: NO_STORE},
        cache_control=CacheControlHeader(no_store=True),
    )
    def state(self, observatory: NamedDependency[Observatory]) -> ObservatoryState:
        """Return totals, rates, versions and times of the whole loop, without players or single games."""
        return observatory.state()


OBSERVATORY_HANDLERS = [ObservatoryController]
