"""Bundles: only a graph that matches its manifest and the contract is decoded."""

import msgspec
import pytest

from rps_core.bundle import decode_bundle, encode_manifest
from rps_core.bundle.codec import decode_manifest
from rps_core.errors import BundleCorrupt, ContractMismatch
from tests.builders.bundles import ONNX, manifest


def test_a_manifest_is_equal_after_encoding_and_decoding() -> None:
    assert decode_manifest(encode_manifest(manifest())) == manifest()


def test_equal_manifests_have_equal_bytes() -> None:
    assert encode_manifest(manifest()) == encode_manifest(manifest())


def test_an_unknown_field_is_ignored() -> None:
    data = msgspec.json.decode(encode_manifest(manifest())) | {"added_later": 1}
    assert decode_manifest(msgspec.json.encode(data)) == manifest()


def test_a_graph_whose_hash_differs_is_refused() -> None:
    with pytest.raises(BundleCorrupt, match=r"model\.onnx of run a+ has hash"):
        decode_bundle(encode_manifest(manifest()), ONNX + b"!")


@pytest.mark.parametrize(
    "changes", [{"contract_version": 1}, {"contract_digest": "0" * 64}, {"contract_name": "other"}]
)
def test_a_graph_of_another_contract_is_refused_and_the_error_names_both(changes: dict[str, object]) -> None:
    with pytest.raises(ContractMismatch, match="this code builds rps-features version 2"):
        decode_bundle(encode_manifest(manifest(**changes)), ONNX)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"family": "unknown"}', b"{" * 2000])
def test_bytes_that_are_not_a_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(BundleCorrupt, match="cannot be read"):
        decode_manifest(data)


def test_a_manifest_of_a_newer_format_is_refused() -> None:
    with pytest.raises(BundleCorrupt, match="format 2"):
        decode_manifest(encode_manifest(manifest(format_version=2)))


def test_an_oversized_manifest_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(BundleCorrupt, match="at most"):
        decode_manifest(b" " * 1_000_001)


def test_a_matching_graph_and_contract_are_decoded() -> None:
    assert decode_bundle(encode_manifest(manifest()), ONNX).onnx_bytes == ONNX
