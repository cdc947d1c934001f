"""How often one client may start games and play. Belongs here: counting; stays out: who a client is.

Of one process: two workers allow twice as much. The limits keep one visitor from filling the store or taking the
service from the others; they are no defence against a thousand machines.
"""

from rps_api.limits.hooks import limits_plays, limits_starts
from rps_api.limits.limiter import RateLimiter, RateLimits

__all__ = ("RateLimiter", "RateLimits", "limits_plays", "limits_starts")
