"""Which model was which: the manifest of every model that ever played, kept for as long as its predictions are.

The model cache holds the aliased runs only, so that a prediction of last month could not be traced back through it.
"""

from datetime import datetime

import msgspec
from sqlalchemy import Engine, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from rps_core.bundle import BundleManifest, encode_manifest
from rps_core.game.families import ModelIdentity
from rps_core.store.engine import writing
from rps_core.store.schema import models

_MANIFEST = select(models.c.manifest_json).where(models.c.run_id == bindparam("run"))


class ModelLineage:
    """Remembers and finds manifests on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    def remember(self, identity: ModelIdentity, manifest: BundleManifest, now: datetime) -> None:
        """Store the manifest of a model, unless it is there."""
        if self.manifest(identity.run_id) is not None:
            return
        row = {
            "run_id": identity.run_id,
            "model_type": manifest.family,
            "registered_name": manifest.registered_name,
            "version": identity.version,
            "first_served_ts": now,
            "manifest_json": encode_manifest(manifest).decode(),
        }
        try:
            with self._writer.begin() as connection:
                connection.execute(insert(models), row)
        except IntegrityError:
            # Another process served it first, and wrote the same.
            return

    def manifest(self, run_id: str) -> BundleManifest | None:
        """Return the manifest of a run; None where its model never played here."""
        with self._engine.connect() as connection:
            text = connection.scalar(_MANIFEST, {"run": run_id})
        return None if text is None else msgspec.json.decode(text, type=BundleManifest)
