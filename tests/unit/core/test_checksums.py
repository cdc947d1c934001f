"""The model cache on an S3 server that refuses the checksum headers of new AWS clients, as many do."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
import s3fs

from rps_core.object_folder import ObjectFolder
from rps_core.settings import load_settings

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LISTED = "<Contents><Key>{}</Key><Size>{}</Size><LastModified>2026-11-01T00:00:00Z</LastModified></Contents>"


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A server with as much of S3 as a folder of objects needs."""
    objects: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, body: bytes = b"", size: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if size is None else size))
            self.send_header("Last-Modified", format_datetime(NOW, usegmt=True))
            self.end_headers()
            self.wfile.write(body)

        def key(self) -> str:
            sent = " ".join(f"{name}:{value}" for name, value in self.headers.items()).lower()
            self.refused = any(
                word in sent for word in ("x-amz-checksum", "sdk-checksum", "aws-chunked", "x-amz-trailer")
            )
            return unquote(urlsplit(self.path).path).strip("/").partition("/")[2]

        def do_PUT(self) -> None:
            key, body = self.key(), self.rfile.read(int(self.headers["Content-Length"]))
            if self.refused:
                self.answer(501, b"<Error><Code>NotImplemented</Code></Error>")
                return
            objects[key] = body
            self.answer(200)

        def do_HEAD(self) -> None:
            data = objects.get(self.key())
            self.answer(404 if data is None else 200, size=len(data or b""))

        def do_GET(self) -> None:
            key, query = self.key(), parse_qs(urlsplit(self.path).query)
            if key:
                data = objects.get(key)
                self.answer(404 if data is None else 200, data or b"")
                return
            prefix = query.get("prefix", [""])[0]
            listed = "".join(
                LISTED.format(escape(name), len(objects[name])) for name in objects if name.startswith(prefix)
            )
            self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode())

        def do_DELETE(self) -> None:
            objects.pop(self.key(), None)
            self.answer(204)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("given", ["minio", "url"])
def test_objects_are_written_without_checksums(given: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the server's settings, and with a URL and the variables of AWS's tools."""
    if given == "minio":
        values = {"MINIO_ENDPOINT": endpoint, "MINIO_BUCKET": "b", "MINIO_ACCESS_KEY": "k", "MINIO_SECRET_KEY": "s" * 8}
    else:
        values = {"RPS_CACHE_URL": "s3://b", "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "k"}
        values |= {"AWS_SECRET_ACCESS_KEY": "s" * 8}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    storage = load_settings().storage
    folder = ObjectFolder.open(storage.cache_url, storage.cache_storage_options)
    folder.write("run/model.onnx", b"graph")
    assert folder.read("run/model.onnx", 10) == b"graph"
    assert folder.names("run") == ["model.onnx"]
    folder.delete("run/model.onnx")
    assert not folder.exists("run/model.onnx")
    s3fs.S3FileSystem.clear_instance_cache()
