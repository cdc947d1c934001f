"""Facts about the machine, stored with every result."""

import os
import platform
import resource
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# Libraries that the numbers depend on; those not installed are left out.
LIBRARIES = (
    *("granian", "litestar", "msgspec", "numpy", "onnxruntime", "polars", "sqlalchemy", "uvloop"),
    *("jax", "xgboost-cpu", "dagster", "mlflow", "fastapi", "pandas", "uvicorn"),
)


def facts() -> dict[str, Any]:
    """Return processor, system, versions and the current load average."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "load_average": round(os.getloadavg()[0], 2),
    }


def peak_megabytes() -> float:
    """Return the peak memory of this process, which Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1_000_000


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "unknown")


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
