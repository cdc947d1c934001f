# The code location; with other commands Dagster's UI and daemon, the runs, and MLflow. Run from the root of the repository:
#   docker build -f ops/docker/assets.Dockerfile -t rps-assets .
FROM python:3.11-slim AS build
WORKDIR /src
# strip, for slim.sh; nothing of this stage but /opt/rps stays.
# hadolint ignore=DL3008
RUN apt-get -qq update && apt-get -qq install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
COPY requirements/bootstrap.txt requirements/build.txt requirements/assets.txt requirements/
# Build tools stay in /opt/build; the final environment does not even contain pip.
RUN python -m venv /opt/build \
 && /opt/build/bin/python -m pip install --no-cache-dir --quiet --require-hashes -r requirements/bootstrap.txt \
 && /opt/build/bin/uv pip install --no-cache --quiet --python /opt/build/bin/python --require-hashes -r requirements/build.txt
# The root of the running container is read-only, so compile the bytecode here.
RUN python -m venv --without-pip /opt/rps \
 && /opt/build/bin/uv pip install --no-cache --quiet --compile-bytecode --python /opt/rps/bin/python --require-hashes -r requirements/assets.txt
COPY pyproject.toml README.md LICENSE ops/docker/slim.sh ./
COPY rps_core rps_core
COPY rps_cli rps_cli
COPY rps_assets rps_assets
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /opt/wheel \
 && /opt/build/bin/uv pip install --no-cache --quiet --compile-bytecode --python /opt/rps/bin/python --no-deps /opt/wheel/*.whl \
 && sh slim.sh "$(/opt/rps/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && rm -f /opt/rps/.lock

FROM python:3.11-slim
# The base image's pip is of no use with a read-only root.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel \
 && groupadd --gid 10001 rps \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin rps \
 && install --directory --owner=10001 --group=10001 /data
COPY --from=build /opt/rps /opt/rps
ENV PATH=/opt/rps/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    _RJEM_MALLOC_CONF=dirty_decay_ms:300,muzzy_decay_ms:0 \
    DATA_PATH=/data \
    DAGSTER_HOME=/data/dagster \
    ORT_DISABLE_TELEMETRY=1 \
    DAGSTER_DISABLE_TELEMETRY=yes \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true \
    GIT_PYTHON_REFRESH=quiet \
    MPLCONFIGDIR=/tmp/matplotlib \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 4000
# Checks the default command; anyone who starts another command must set another check.
HEALTHCHECK --interval=60s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 4000), 4)"]
CMD ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "-m", "rps_assets.definitions", "--location-name", "rps_quest"]
