"""A bounded queue and one thread that writes captured rounds, so that requests never wait for a disk."""

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import groupby
from random import Random, SystemRandom
from typing import TypeAlias

from rps_api.capture.folder import CaptureFolder, file_name
from rps_api.capture.records import CapturedRound, SeenFeatures, encoded
from rps_core.settings import OperationsSettings
from rps_core.store.games import NewRound, StoredGame

_log = logging.getLogger(__name__)
BYTES_A_MEGABYTE = 1_000_000
# A few seconds of play at the highest rate of one process.
QUEUE_SIZE = 2_000
BATCH_SIZE = 200
STOP_SECONDS = 5.0


# Counts rounds: ``written``, ``dropped`` because the queue was full, or ``failed`` at the disk.
CountRounds: TypeAlias = Callable[[str, int], None]


class InferenceCapture:
    """Writes a share of the rounds to a folder."""

    def __init__(
        self,
        folder: CaptureFolder,
        count: CountRounds,
        *,
        sample_rate: float,
        random: Random | None = None,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        self._folder = folder
        self._count = count
        self._sample_rate = sample_rate
        self._random = random or SystemRandom()
        self._waiting: queue.Queue[CapturedRound | None] = queue.Queue(queue_size)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inference-capture", daemon=True)

    def record(self, game: StoredGame, played: NewRound, seen: Mapping[str, SeenFeatures]) -> None:
        """Queue a round, or count it as dropped if the queue is full; never raises and never waits."""
        if not played.predictions or (self._sample_rate < 1 and self._random.random() >= self._sample_rate):
            return
        try:
            self._waiting.put_nowait(CapturedRound(game, played, seen))
        except queue.Full:
            self._count("dropped", 1)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread write the queued rounds and end, for at most a few seconds."""
        self._stopping.set()
        # This wakes the thread; with a full queue the thread is awake already.
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._waiting.empty()):
            batch = self._take_batch()
            if batch:
                self._write(batch)

    def _take_batch(self) -> list[CapturedRound]:
        taken = [self._waiting.get()]
        while len(taken) < BATCH_SIZE:
            try:
                taken.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return [captured for captured in taken if captured is not None]

    def _write(self, batch: Iterable[CapturedRound]) -> None:
        for _, same_day in groupby(batch, key=lambda captured: file_name(captured.played.played_at, 0)):
            rounds = list(same_day)
            try:
                self._folder.append(rounds[0].played.played_at, b"".join(map(encoded, rounds)))
            except Exception as error:  # noqa: BLE001 - the thread must survive a full disk and any other error
                _log.error("%d captured rounds are lost: %s", len(rounds), error)
                self._count("failed", len(rounds))
            else:
                self._count("written", len(rounds))


def open_capture(operations: OperationsSettings, count: CountRounds) -> InferenceCapture | None:
    """Return the capture that the settings ask for, if any."""
    folder, rate = operations.capture_inference_dir, operations.capture_inference_sample_rate
    if folder is None or rate <= 0:
        return None
    max_bytes = int(operations.capture_inference_max_mb * BYTES_A_MEGABYTE)
    return InferenceCapture(CaptureFolder(folder, max_bytes), count, sample_rate=rate)
