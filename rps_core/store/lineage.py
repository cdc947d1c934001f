"""The manifest of every model that ever played, kept as long as its predictions.

The model cache holds only runs with an alias, so it cannot trace a prediction of last month.
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
    """Stores and finds manifests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    def remember(self, identity: ModelIdentity, manifest: BundleManifest, now: datetime) -> None:
        """Store the manifest of a model, if it is not stored yet."""
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
            # Another process served the model first and stored the same manifest.
            return

    def manifest(self, run_id: str) -> BundleManifest | None:
        """Return the manifest of a run, or None if its model never played here."""
        with self._engine.connect() as connection:
            text = connection.scalar(_MANIFEST, {"run": run_id})
        return None if text is None else msgspec.json.decode(text, type=BundleManifest)
