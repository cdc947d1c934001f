"""Logs: one line a record, JSON or text, with the ids of the request that it belongs to.

Belongs here: what a line looks like, which ids a request carries, the line for each request. Stays out: where logs go;
that is the server's business, which reads `logging.json` beside this (`rps api` names it). Without that file nothing is
configured and nothing is written but warnings: an application inside a test or another program leaves its logs alone.
"""

from rps_api.logs.access import AccessLog
from rps_api.logs.context import RequestIds, note, request_ids

__all__ = ("AccessLog", "RequestIds", "note", "request_ids")
