"""The Dagster code location: gameplay, training data, models, promotion and serving as assets.

Importing the package wires nothing; `rps_assets.definitions` composes the parts. Only `assets`, `checks`, `automation`,
`resources` and `metadata` know Dagster.
"""

import rps_core  # noqa: F401  # turns off telemetry before libraries are imported
