"""The Litestar application: gameplay, inference, the promotion ledger, metrics and the game page.

Serves what the asset graph materialised and never imports the code that materialised it.
"""

import rps_core  # noqa: F401  # turns off telemetry before libraries are imported
