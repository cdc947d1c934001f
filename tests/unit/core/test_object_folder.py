"""Errors of a folder of objects do not contain the password in its URL."""

import pytest

from rps_core.errors import CacheError
from rps_core.object_folder import ObjectFolder


class Refusing:
    """A file system whose errors repeat what it was given."""

    def unstrip_protocol(self, root: str) -> str:
        return f"odd://{root}"

    def exists(self, path: str) -> bool:
        raise OSError(f"no login as me:s3cret for {path}")


def test_an_error_of_the_file_system_hides_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url: (Refusing(), "host/folder"))
    folder = ObjectFolder.open("odd://me:s3cret@host/folder")
    with (
        pytest.raises(CacheError, match=r"^cannot look in odd://host/folder: no login as me:\*\*\* for host") as failed,
        folder.translated_errors("look"),
    ):
        folder.exists("x")
    assert "s3cret" not in str(failed.value)


def test_so_does_an_error_about_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CacheError, match=r"'odd://host/x' cannot be opened") as failed:
        ObjectFolder.open("odd://me:s3cret@host/x")
    assert "s3cret" not in str(failed.value)
