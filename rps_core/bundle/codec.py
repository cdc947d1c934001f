"""Encoding and checked decoding of model bundles.

Files are read by `rps_core.cache`; the inference runtime is in `rps_api.inference`.
"""

import hashlib
from typing import NamedTuple

import msgspec

from rps_core.bundle.manifest import BUNDLE_FORMAT_VERSION, BundleManifest
from rps_core.errors import BundleCorrupt, ContractMismatch
from rps_core.features.contract import CONTRACTS, FeatureContract

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "manifest.json"
MAX_MANIFEST_BYTES = 1_000_000
MAX_MODEL_BYTES = 200_000_000


class Bundle(NamedTuple):
    """A checked bundle: its manifest and the bytes of its ONNX graph."""

    manifest: BundleManifest
    onnx_bytes: bytes

    @property
    def contract(self) -> FeatureContract:
        """The features that the graph reads."""
        return CONTRACTS[self.manifest.contract_version]


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def encode_manifest(manifest: BundleManifest) -> bytes:
    """Return the manifest as indented JSON, keys in a stable order."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=2)


def decode_manifest(data: bytes) -> BundleManifest:
    """Read a manifest.

    Raises:
        BundleCorrupt: the bytes are not a manifest of a known format.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleCorrupt(f"the manifest has {len(data)} bytes; at most {MAX_MANIFEST_BYTES} are allowed")
    try:
        manifest = msgspec.json.decode(data, type=BundleManifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleCorrupt(f"the manifest cannot be read: {error}") from error
    if manifest.format_version != BUNDLE_FORMAT_VERSION:
        raise BundleCorrupt(
            f"the manifest has format {manifest.format_version}; this code reads format {BUNDLE_FORMAT_VERSION}"
        )
    return manifest


def decode_bundle(manifest_bytes: bytes, onnx_bytes: bytes) -> Bundle:
    """Return the bundle if its manifest matches the graph and names a contract that this code can compute.

    Raises:
        BundleCorrupt: the manifest is unreadable, or the graph's hash differs from the manifest's.
        ContractMismatch: the graph was trained on a feature contract that this code does not know.
    """
    manifest = decode_manifest(manifest_bytes)
    if len(onnx_bytes) > MAX_MODEL_BYTES:
        raise BundleCorrupt(
            f"{MODEL_FILE} of run {manifest.run_id} has {len(onnx_bytes)} bytes; at most {MAX_MODEL_BYTES} are allowed"
        )
    found = sha256_hex(onnx_bytes)
    if found != manifest.model_sha256:
        raise BundleCorrupt(
            f"{MODEL_FILE} of run {manifest.run_id} has hash {found[:12]}…, but its manifest says "
            f"{manifest.model_sha256[:12]}…; run `rps sync`"
        )
    trained_on = (manifest.contract_name, manifest.contract_version, manifest.contract_digest)
    if all((known.name, known.version, known.digest) != trained_on for known in CONTRACTS.values()):
        builds = ", ".join(
            f"{known.name} version {known.version} ({known.digest[:12]}…)" for known in CONTRACTS.values()
        )
        raise ContractMismatch(
            f"run {manifest.run_id} was trained on {trained_on[0]} version {trained_on[1]} ({trained_on[2][:12]}…), "
            f"this code builds {builds}; retrain the model"
        )
    return Bundle(manifest, onnx_bytes)
