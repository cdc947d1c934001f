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

# MLflow imports a module that Starlette has deprecated. Only a release of MLflow can change that.
QUIET = "ignore:starlette.middleware.wsgi is deprecated"


def _become(command: list[str], *, extra_env: Mapping[str, str], **_: Any) -> NoReturn:
    # The last rule comes first, also before those of the caller.
    quiet = {"PYTHONWARNINGS": ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), QUIET)))}
    os.execvpe(command[0], command, {**os.environ, **quiet, **extra_env})  # noqa: S606 - MLflow's own command


if __name__ == "__main__":
    vars(mlflow.server)["_exec_cmd"] = _become
    cli(["server", *sys.argv[1:]])
