"""Benchmarks of the product against its baseline: `python -m benchmarks`."""

import rps_core  # noqa: F401  # turns off telemetry before libraries are imported
