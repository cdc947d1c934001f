"""The game, the feature contract, model bundles and stores: everything that the API and the asset graph share.

Import rules keep web frameworks, Dagster and MLflow out of this package.
"""

import os

# Libraries that report their use unless a variable says no. onnxruntime reads its variable when it is imported and
# ignores DO_NOT_TRACK, which MLflow honours; Dagster has its own. The packages that use them import this one first.
NO_TELEMETRY = {
    "ORT_DISABLE_TELEMETRY": "1",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
os.environ.update(NO_TELEMETRY)
