"""Rate limits on starting games and playing rounds, for each client. `rps_api.client_address` identifies clients.

Each process counts by itself, so two workers allow twice the rate. The limits stop one visitor from filling the store
or slowing down everyone else; they are not a defence against a thousand machines.
"""

from rps_api.limits.hooks import limits_plays, limits_starts
from rps_api.limits.limiter import RateLimiter, RateLimits

__all__ = ("RateLimiter", "RateLimits", "limits_plays", "limits_starts")
