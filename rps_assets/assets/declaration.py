"""How this graph declares an asset: with the group of its key, and our owners."""

from collections.abc import Callable
from typing import Any

import dagster as dg

from rps_assets.assets.keys import OWNERS


def asset(
    key: dg.AssetKey, *, code_version: str = "1", **options: Any
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return `dg.asset` for a key; the first part of the key is the group."""
    declared: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
        key=key, group_name=key.path[0], owners=OWNERS, code_version=code_version, **options
    )
    return declared
