"""How a fault that this product raises on purpose ends a step: at once, with its own sentence, and without a retry."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from rps_core.errors import RpsError


@contextmanager
def permanent(fault: type[RpsError] = RpsError) -> Iterator[None]:
    """Turn such a fault into a failure: trying the same again would end the same.

    Raises:
        Failure: the body raised `fault`.
    """
    try:
        yield
    except fault as error:
        raise dg.Failure(str(error), allow_retries=False) from error
