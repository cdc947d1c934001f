"""The page about deployment says what is so: its values, files, settings and commands exist."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart.release import CHART, Helm
from tests.chart.test_manifests import OURS
from tests.chart.test_secrets import KEYS
from tools.chart_docs import VALUES, documented_values
from tools.kubernetes_binaries import BinariesUnavailable, fetch

PROJECT = CHART.parents[1]
PAGE = (PROJECT / "docs" / "deployment.md").read_text()
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))))
PATHS = {value.path for value in documented_values(VALUES.read_text())}
GROUPS = {path.split(".")[0] for path in PATHS}


def test_every_value_that_the_page_names_exists() -> None:
    named = [text.partition(":")[0] for text in QUOTED if re.fullmatch(r"[a-zA-Z]+(\.[a-zA-Z]+)+(: .*)?", text)]
    # A file has a dot as well.
    values = [text for text in named if text.split(".")[0] in GROUPS]
    assert [
        text for text in values if text not in PATHS and not any(path.startswith(f"{text}.") for path in PATHS)
    ] == []
    assert len(values) > 15


def test_every_file_that_the_page_names_exists() -> None:
    files = [text for text in QUOTED if re.fullmatch(r"[\w./-]+/[\w./-]+", text) and not text.startswith("/")]
    files += re.findall(r"\]\(([\w./-]+)\)", PAGE)
    assert [name for name in files if not any((base / name).exists() for base in (PROJECT, PROJECT / "docs"))] == []


def test_every_variable_that_the_page_names_is_a_setting() -> None:
    assert {text for text in QUOTED if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", text)} <= OURS


def test_every_object_that_the_page_names_is_made(helm: Helm) -> None:
    names = {manifest["metadata"]["name"] for manifest in helm.render().manifests}
    names |= {manifest["metadata"]["name"] for manifest in helm.render("embedded-values.yaml").manifests}
    named = {text for text in QUOTED if re.fullmatch(r"rps-[a-z-]+", text)}
    assert named <= names
    assert named


def test_the_secret_of_the_page_has_every_key_that_the_chart_reads(tmp_path: Path) -> None:
    try:
        kubectl = fetch().kubectl
    except BinariesUnavailable as error:
        pytest.skip(f"no kubectl: {error}")
    (command,) = re.findall(r"(kubectl [^`]*?create secret generic.*?)\nhelm", PAGE, re.DOTALL)
    script = f"{command.replace('kubectl', str(kubectl), 1)} --dry-run=client --output=yaml"
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, timeout=60, check=True)
    secret = yaml.safe_load(done.stdout)
    assert secret["data"].keys() == KEYS.keys()
    assert all(len(value) >= 20 for value in secret["data"].values())
