"""Numbers as a person reads them in a table of metadata."""


def readable(value: float) -> float:
    """Return a share, score or duration with the four digits that carry meaning."""
    return float(f"{value:.4g}")
