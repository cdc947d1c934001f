"""Build both images and run them and `compose.yaml` with a real engine: `make test-containers`.

Each image runs alone and hardened, plays, and stops in time. Then the whole composition trains twelve models, survives
the death of every process and a new start, and keeps its games. It takes 20 minutes and downloads a gigabyte.

Variables: ENGINE (docker or podman; by default the first that works), COMPOSE (by default `ENGINE compose`), and
SKIP_BUILD=1 for images that exist as rps-quest/rps-{api,assets}:dev.
"""

import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

PROJECT = Path(__file__).parents[1]
HARDENED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp", "--network=none")
RESTARTED = ("api", "code", "daemon", "webserver", "mlflow", "minio", "postgres")
TRAINING_SECONDS, START_SECONDS, STOP_SECONDS = 1_200, 240, 10
_COUNTS = "SELECT (SELECT count(*) FROM games), (SELECT count(*) FROM events), (SELECT count(*) FROM models)"
_ALIVE = "import urllib.request as web; web.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"
_CONFINED = 'grep -q "CapEff:.0000000000000000" /proc/1/status && grep -q "NoNewPrivs:.1" /proc/1/status && ! touch /x'


class Image(NamedTuple):
    """An image, the command that succeeds once it is ready, and how long it may take to stop."""

    name: str
    is_ready: tuple[str, ...]
    stop_seconds: int

    @property
    def tag(self) -> str:
        """Its name for the engine."""
        return f"rps-quest/rps-{self.name}:dev"


IMAGES = (
    Image("api", ("python", "-c", _ALIVE), STOP_SECONDS),
    Image("assets", ("dagster", "api", "grpc-health-check", "--port", "4000"), 60),
)


class Failed(Exception):
    """A step did not do what it must; the message says which."""


def chosen_engine(given: str | None, works: Callable[[str], bool]) -> str:
    """Return the engine to use.

    Raises:
        Failed: none works.
    """
    candidates = [given] if given else ["docker", "podman"]
    for candidate in candidates:
        if works(candidate):
            return candidate
    raise Failed(f"no container engine works ({', '.join(candidates)}); install Docker or podman, or set ENGINE")


def run(*command: str, **options: bool) -> str:
    """Run a command and return its output; raises Failed if it fails, with the end of what it printed."""
    sys.stdout.write(f"$ {shlex.join(command)[:160]}\n")
    sys.stdout.flush()
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603  # fixed commands
    if done.returncode and options.get("check", True):
        raise Failed(
            f"{shlex.join(command)[:300]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}"
        )
    return done.stdout.strip()


def wait_for(holds: Callable[[], bool], what: str, seconds: float, pause_seconds: float = 3.0) -> None:
    """Wait until a condition holds; raises Failed after `seconds`."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise Failed(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause_seconds)


def succeeds(*command: str) -> bool:
    """Return whether a command succeeds; prints nothing."""
    return subprocess.run(command, cwd=PROJECT, capture_output=True, check=False).returncode == 0  # noqa: S603


def check_alone(engine: str, image: Image) -> None:
    """Run one image hardened and without a network: it gets ready, the game is played, it stops in time."""
    name, volume = f"rps-check-{image.name}", f"rps-check-{image.name}"
    run(engine, "run", "--detach", f"--name={name}", f"--volume={volume}:/data", *HARDENED, image.tag)
    try:
        wait_for(lambda: succeeds(engine, "exec", name, *image.is_ready), f"{image.tag} ready", START_SECONDS)
        run(engine, "exec", name, "sh", "-c", _CONFINED)
        if image.name == "api":
            run(engine, "exec", name, "rps", "simulate", "--games", "3", "--clients", "1")
        started = time.monotonic()
        run(engine, "stop", f"--time={image.stop_seconds + 20}", name)
        took = time.monotonic() - started
        code = run(engine, "inspect", name, "--format={{.State.ExitCode}}")
        if took > image.stop_seconds or (image.name == "api" and code != "0"):
            raise Failed(f"{image.tag} stopped after {took:.0f} s with code {code}")
        sys.stdout.write(f"{image.tag}: stopped after {took:.1f} s with code {code}\n")
    finally:
        succeeds(engine, "rm", "--force", name)
        succeeds(engine, "volume", "rm", volume)


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def composition(compose: list[str]) -> Iterator[Callable[..., str]]:
    """Yield a function that runs a command of compose on a project of its own; nothing of it stays."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "env"
        names = ("POSTGRES_PASSWORD", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "RPS_API_TOKEN")
        ports = "".join(f"{name}={free_port()}\n" for name in ("RPS_API_PORT", "RPS_DAGSTER_PORT", "RPS_MLFLOW_PORT"))
        file.write_text("".join(f"{name}={secrets.token_hex(24)}\n" for name in names) + ports)
        prefix = [*compose, "--project-name", "rps-check", "--env-file", str(file)]
        try:
            yield lambda *arguments, **options: run(*prefix, *arguments, **options)
        except Failed:
            sys.stdout.write(run(*prefix, "logs", "--tail=30", check=False)[-6000:] + "\n")
            raise
        finally:
            run(*prefix, "down", "--volumes", "--timeout=60", check=False)


def check_composition(engine: str, compose: list[str]) -> None:
    """Start `compose.yaml`, wait for twelve models, kill every process, start again, and compare what is stored."""
    with composition(compose) as composed:

        def counts() -> str:
            return composed("exec", "-T", "postgres", "psql", "-U", "rps", "-d", "rps", "-Atc", _COUNTS, check=False)

        def verified() -> bool:
            return "verify: ok" in composed(
                "exec", "-T", "code", "sh", "-c", "rps verify && echo verify: ok", check=False
            )

        composed("up", "--detach")
        composed("exec", "-T", "code", "rps", "simulate", "--games", "210", "--clients", "4")
        wait_for(verified, "twelve models, the same in registry, cache and API", TRAINING_SECONDS, 15)
        composed("stop", "games", check=False)
        before = counts()
        for service in RESTARTED:
            run(engine, "kill", "--signal=KILL", *composed("ps", "--quiet", service).split())
        composed("up", "--detach")
        wait_for(verified, "recovery from the death of every process", START_SECONDS, 5)
        _require_kept(before, counts(), "the death of every process")
        composed("down", "--timeout=60")
        composed("up", "--detach")
        wait_for(verified, "a new start on the same volumes", START_SECONDS, 5)
        _require_kept(before, counts(), "a new start")


def _require_kept(before: str, after: str, event: str) -> None:
    """Raise Failed if a count is smaller than before; sensors may have added games and models."""
    pairs = list(zip(before.split("|"), after.split("|"), strict=True))
    if not before or any(int(later) < int(earlier) for earlier, later in pairs):
        raise Failed(f"{event} lost something: games, rounds, models were {before} and are {after}")
    sys.stdout.write(f"kept over {event}: games, rounds, models {before} -> {after}\n")


def main() -> int:
    """Run all checks; return 1 and say what failed, or 0."""
    try:
        engine = chosen_engine(
            os.environ.get("ENGINE"), lambda name: bool(shutil.which(name)) and succeeds(name, "info")
        )
        for image in IMAGES:
            if not os.environ.get("SKIP_BUILD"):
                run(engine, "build", f"--file=ops/docker/{image.name}.Dockerfile", f"--tag={image.tag}", ".")
            check_alone(engine, image)
        check_composition(engine, shlex.split(os.environ.get("COMPOSE", f"{engine} compose")))
    except Failed as failure:
        sys.stderr.write(f"test-containers: {failure}\n")
        return 1
    sys.stdout.write("test-containers: all checks passed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
