"""Log lines: one line per record, as JSON or text, with the ids of the request.

In scope: the format of a line, the ids of a request, the access log. Out of scope: where logs go. The server reads
`logging.json`, which `rps api` passes to it. Without that file nothing is configured, so that an application inside a
test or another program leaves logging alone.
"""

from rps_api.logs.access import AccessLog
from rps_api.logs.context import RequestIds, note, request_ids

__all__ = ("AccessLog", "RequestIds", "note", "request_ids")
