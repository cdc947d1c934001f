"""Numbers for people, in metadata."""


def readable(value: float) -> float:
    """Return a share, score or duration rounded to four significant digits."""
    return float(f"{value:.4g}")
