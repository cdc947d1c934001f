"""Which environment variables configure the product."""

import os

PREFIXES = ("RPS_", "MINIO_", "AWS_", "MLFLOW_", "AB_SPLIT", "TRAINING_", "PROMOTION_")


def configuring() -> list[str]:
    """Names of the variables of this process that would configure the product.

    Not only what the developer set: MLflow writes the address of its server into the environment.
    """
    return [name for name in os.environ if name.startswith(PREFIXES)]
