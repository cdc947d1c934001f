"""`mlflow server` as one process.

MLflow starts the server as a child process, and the parent keeps its 290 MB only to wait. Here the server replaces the
parent. If a release of MLflow starts its server in another way, there are two processes again, which costs only memory.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import mlflow.server
from mlflow.cli import cli


def _become(command: list[str], *, extra_env: Mapping[str, str], **_: Any) -> NoReturn:
    os.execvpe(command[0], command, {**os.environ, **extra_env})  # noqa: S606 - MLflow's own command


if __name__ == "__main__":
    vars(mlflow.server)["_exec_cmd"] = _become
    cli(["server", *sys.argv[1:]])
