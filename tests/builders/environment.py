"""The environment variables that configure the product."""

import os

from rps_core import NO_TELEMETRY

PREFIXES = ("RPS_", "MINIO_", "AWS_", "MLFLOW_", "AB_SPLIT", "TRAINING_", "PROMOTION_")


def configuring() -> list[str]:
    """Return the variables in the environment of this process that would configure the product.

    The developer did not set all of them: MLflow writes the address of its server into the environment.
    """
    return [name for name in os.environ if name.startswith(PREFIXES) and name not in NO_TELEMETRY]
