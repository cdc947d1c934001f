"""Numbers for people, in metadata."""


def readable(value: float) -> float:
    """Return a share, score or duration rounded to four significant digits."""
    return float(f"{value:.4g}")


def decimals(value: float | None) -> str:
    """Return a share or loss for a table, with three decimals; a dash if it is unknown."""
    return "-" if value is None else f"{value:.3f}"
