"""The first step of `make up`: the systems and Pythons that it accepts, and its refusals. Runs the real make."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops.promql import REPOSITORY

SCRIPTS = REPOSITORY / "scripts"
ODD = "100% of #1's; what? ü"
SYSTEM = {"uname": 'case "$1" in -s) echo Linux;; -m) echo x86_64;; esac', "getconf": "echo glibc 2.36"}


def run(command: list[str], folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("UV_", "MAKE", "VIRTUAL", "SSL_"))
    }
    done = subprocess.run(
        command, cwd=folder, env=variables | environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def programs(folder: Path, **scripts: str) -> str:
    """Write programs into a folder, and return a PATH that starts with it and holds no uv."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that an installation reads, with small locks, in a folder with a difficult name."""
    folder = tmp_path / ODD
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", "requirements/bootstrap.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    shutil.copytree(SCRIPTS, folder / "scripts")
    shutil.copy(REPOSITORY / "requirements" / "build.txt", folder / "requirements" / "up.txt")
    for package in ("rps_core", "rps_assets", "rps_api", "rps_cli"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    return folder


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"uname": "case $1 in -s) echo Darwin;; -m) echo x86_64;; esac"}, "Darwin on x86_64"),
        ({"uname": "case $1 in -s) echo MINGW64_NT;; -m) echo x86_64;; esac"}, "MINGW64_NT on x86_64"),
        ({"uname": "case $1 in -s) echo Linux;; -m) echo riscv64;; esac"}, "Linux on riscv64"),
        (
            {"uname": "case $1 in -s) echo Darwin;; -m) echo arm64;; esac", "sw_vers": "echo 13.6.1"},
            "macOS 13.6.1 (14 is needed)",
        ),
        ({"getconf": "exit 1"}, "Linux without glibc, such as Alpine"),
        ({"getconf": "echo glibc 2.17"}, "Linux with glibc 2.17 (2.28 is needed)"),
        ({"getconf": 'case "$1" in LONG_BIT) echo 32;; *) echo glibc 2.36;; esac'}, "a 32-bit system"),
    ],
)
def test_an_unsupported_system_is_refused_in_one_sentence(
    checkout: Path, tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    path = programs(tmp_path / "bin", **SYSTEM | changed)
    done = run(["make", "up", f"PYTHON={sys.executable}"], checkout, PATH=path)
    assert done.returncode == 2
    refusal, made = done.stderr.splitlines()
    assert refusal.startswith(f"RPS Quest cannot be installed on {said}: ")
    assert "docs/containers.md" in refusal
    assert "Error 1" in made


@pytest.mark.parametrize(("version", "shown"), [("echo Python 3.9.2", "Python 3.9.2"), ("exit 127", "not usable")])
def test_without_a_suitable_python_and_uv_it_says_what_to_install(
    checkout: Path, tmp_path: Path, version: str, shown: str
) -> None:
    old = f'case "$1" in -V) {version};; *) exit 1;; esac'
    path = programs(tmp_path / "bin", python3=old)
    done = run(["make", "up"], checkout, PATH=path)
    assert f"needs Python 3.11 to 3.14 with its venv module; python3 is {shown}" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_uv_brings_an_environment_if_python_has_no_venv_module(checkout: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    uv = f'echo "$@" >>{calls}; if [ "$1" = venv ]; then {sys.executable} -m venv --without-pip .venv; fi'
    path = programs(tmp_path / "bin", uv=uv, python3="exit 1")
    assert run(["make", ".venv/bin/uv"], checkout, PATH=path).returncode == 0
    venv, pip = calls.read_text().splitlines()
    assert venv.startswith("venv --quiet --python >=3.11,<3.15 ")
    assert "--require-hashes -r requirements/bootstrap.txt" in pip


@pytest.mark.timeout(120)
def test_a_copied_checkout_gets_its_own_environment(checkout: Path, tmp_path: Path) -> None:
    install = ["make", ".venv/.installed-up", f"PYTHON={sys.executable}"]
    # Such settings ended the bootstrap, sent the packages elsewhere, or removed the environment of another folder.
    home = tmp_path / "home"
    (home / "scripts").mkdir(parents=True)
    (home / ".venv").mkdir()
    (home / ".venv" / "precious").touch()
    (home / "ensurepip.py").write_text("raise SystemExit('a module of another project')")
    elsewhere = {name: str(home) for name in ("CDPATH", "PYTHONHOME", "PYTHONPATH", "PIP_TARGET")} | {"PIP_USER": "1"}
    done = run(install, checkout, **elsewhere)
    assert done.returncode == 0, done.stderr
    assert (home / ".venv" / "precious").exists()
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert "up to date" in run(install, checkout, **elsewhere).stdout
    copy = tmp_path / "copy"
    shutil.copytree(checkout, copy, symlinks=True)
    # The copy has no Python of its own, so uv finds one.
    path = programs(tmp_path / "bin", uv=f'exec "{REPOSITORY}/.venv/bin/uv" "$@"', missing="exit 1")
    done = run([*install[:2], "PYTHON=missing"], copy, PATH=path)
    assert done.returncode == 0, done.stderr
    where = [str(copy / ".venv/bin/python"), "-c", "import rps_core; print(rps_core.__file__)"]
    assert run(where, tmp_path).stdout.strip() == str(copy / "rps_core" / "__init__.py")
    # A Python that went away.
    (copy / ".venv/bin/python").unlink()
    assert "scripts/environment.sh" in run([*install, "-n"], copy).stdout
    assert 'scripts/environment.sh "python3"' in run([*install[:2], "-n"], copy, PYTHON=" ").stdout


def test_uv_gets_the_index_certificate_and_proxy_of_pip(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = http://files/simple\n[install]\nproxy = http://proxy:3128\n"
    )
    command = [sys.executable, str(SCRIPTS / "uv_like_pip.py"), "/usr/bin/env"]
    variables = {
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "PIP_INDEX_URL": "https://index.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example/simple https://b.example/simple",
        "PIP_FIND_LINKS": "/one /two",
        "PIP_CERT": "/etc/company.pem",
        "PIP_TRUSTED_HOST": "index.example",
    }
    environment = run(command, tmp_path, **variables).stdout.splitlines()
    for line in (
        "UV_DEFAULT_INDEX=https://index.example/simple",
        "UV_INDEX=https://a.example/simple https://b.example/simple",
        "UV_INDEX_STRATEGY=unsafe-best-match",
        "UV_FIND_LINKS=/one,/two",
        "SSL_CERT_FILE=/etc/company.pem",
        "UV_INSECURE_HOST=index.example",
        "ALL_PROXY=http://proxy:3128",
    ):
        assert line in environment
    chosen = run(command, tmp_path, UV_DEFAULT_INDEX="https://mine.example/simple", **variables).stdout
    assert "UV_DEFAULT_INDEX=https://mine.example/simple" in chosen
