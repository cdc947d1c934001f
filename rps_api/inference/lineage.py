"""Stores the manifest of each loaded model, so that its predictions can be explained after it is replaced."""

import logging

from sqlalchemy.exc import SQLAlchemyError

from rps_api.clock import Clock
from rps_api.inference.model import LoadedModel
from rps_core.game.families import Slot
from rps_core.store.lineage import ModelLineage

_log = logging.getLogger(__name__)


class LineageRecorder:
    """A `LoadObserver` that stores manifests."""

    def __init__(self, lineage: ModelLineage, clock: Clock) -> None:
        self._lineage = lineage
        self._clock = clock

    def loaded(self, model: LoadedModel, seconds: float) -> None:  # noqa: ARG002 - part of the protocol
        """Store the manifest; a failing store is only logged, because play must go on."""
        try:
            self._lineage.remember(model.identity, model.manifest, self._clock())
        except SQLAlchemyError as error:
            _log.error("the manifest of %s could not be stored: %s", model, error)

    def load_failed(self, slot: Slot, reason: str) -> None:
        """Do nothing, without a manifest."""
