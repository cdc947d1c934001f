"""The model bundle: an ONNX graph and the manifest that describes its origin."""

from rps_core.bundle.codec import MANIFEST_FILE, MODEL_FILE, Bundle, decode_bundle, encode_manifest
from rps_core.bundle.manifest import BundleManifest, DatasetSummary

__all__ = (
    "MANIFEST_FILE",
    "MODEL_FILE",
    "Bundle",
    "BundleManifest",
    "DatasetSummary",
    "decode_bundle",
    "encode_manifest",
)
