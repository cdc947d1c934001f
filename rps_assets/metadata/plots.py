"""Pictures in metadata."""

import base64

import dagster as dg


def inline(name: str, png: bytes) -> dg.MetadataValue:
    """Return a PNG picture as metadata that Dagster displays inline."""
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")
