"""Replays the build stage of a Dockerfile in a folder, for machines without a container engine.

Proves that the steps work together: what is copied, the hashed installation, the wheel, the command. What only an
engine can prove is left: the base image, its user, and the layers.
"""

import fnmatch
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
# Absolute folders of the image that lie below the folder of the replay.
_FOLDERS = re.compile(r"(?<![\w/])/(?=opt\b|src\b|data\b)")


class Step(NamedTuple):
    """One instruction; `stage` counts the FROM lines before it, from 1."""

    stage: int
    name: str
    text: str


def instructions(dockerfile: Path) -> list[Step]:
    """Return the instructions of a Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stage, found = 0, []
    for line in filter(str.strip, joined.splitlines()):
        name, _, text = line.strip().partition(" ")
        stage += name == "FROM"
        found.append(Step(stage, name, text.strip()))
    return found


def ignored(path: str) -> bool:
    """Return whether .dockerignore keeps a path from the build: its last matching line decides."""
    kept_out = False
    for line in (REPOSITORY / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            keep = pattern.startswith("!")
            if _matches(path, pattern.lstrip("!")):
                kept_out = not keep
    return kept_out


def _matches(path: str, pattern: str) -> bool:
    parts = path.split("/")
    prefixes = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    plain = pattern.removeprefix("**/")
    anywhere = pattern.startswith("**/") and any(fnmatch.fnmatch(part, plain) for part in parts)
    # `*` does not cross a folder.
    return anywhere or any(
        prefix.count("/") == pattern.count("/") and fnmatch.fnmatch(prefix, pattern) for prefix in prefixes
    )


def replay(dockerfile: Path, folder: Path) -> None:
    """Run the build stage below `folder`.

    Raises:
        AssertionError: a step failed; with what it printed.
    """
    work = folder
    for step in instructions(dockerfile):
        if step.stage > 1:
            return
        text = _FOLDERS.sub(f"{folder}/", step.text)
        if step.name == "WORKDIR":
            work = Path(text)
            work.mkdir(parents=True, exist_ok=True)
        elif step.name == "COPY":
            *sources, target = shlex.split(text)
            for source in sources:
                _copy(source, work / target, as_folder=len(sources) > 1 or target.endswith("/"))
        # The tools of the base image are those of this machine.
        elif step.name == "RUN" and not step.text.startswith("apt-get"):
            done = subprocess.run(["/bin/sh", "-ec", text], cwd=work, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def _copy(source: str, target: Path, *, as_folder: bool) -> None:
    origin = REPOSITORY / source
    if origin.is_dir():
        for path in origin.rglob("*"):
            relative = path.relative_to(REPOSITORY).as_posix()
            if path.is_file() and not ignored(relative):
                _copy_file(path, target / path.relative_to(origin))
        return
    assert not ignored(source), f"{source} is copied, and .dockerignore keeps it out"
    _copy_file(origin, target / origin.name if as_folder else target)


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def environment(dockerfile: Path, folder: Path) -> dict[str, str]:
    """Return the variables that the final stage sets, its folders below `folder`."""
    last = max(step.stage for step in instructions(dockerfile))
    pairs = [
        pair
        for step in instructions(dockerfile)
        if step.stage == last and step.name == "ENV"
        for pair in shlex.split(step.text)
    ]
    return {name: _FOLDERS.sub(f"{folder}/", value) for name, _, value in (pair.partition("=") for pair in pairs)}
