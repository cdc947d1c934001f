"""Which model played a round, for its line: heard where the capture of predictions hears of it."""

from litestar import Response

from rps_api.capture import Capture
from rps_api.errors import Conflict
from rps_api.logs.context import note
from rps_core.store.games import NewRound, StoredGame

_BY_A_MODEL = "mlflow"


class NotingCapture:
    """Notes game, version and run of each played round, then hands it on."""

    def __init__(self, inner: Capture) -> None:
        self._inner = inner

    def record(self, game: StoredGame, played: NewRound) -> None:
        """Note the round; openings and random moves were chosen by no model."""
        note(game_id=game.id)
        model = played.model or game.model
        if played.probability_source == _BY_A_MODEL and model is not None:
            note(model_version=model.version, run_id=model.run_id)
        self._inner.record(game, played)

    def start(self) -> None:
        """Begin to write."""
        self._inner.start()

    def stop(self) -> None:
        """Write what waits."""
        self._inner.stop()


async def note_answer(response: Response[object]) -> Response[object]:
    """Note the game that an answer is about, as a hook after requests."""
    note(game_id=getattr(response.content, "game_id", None))
    return response


async def note_conflict(error: Exception, _: object) -> None:
    """Note the game whose state a request did not fit, as a hook after exceptions."""
    if isinstance(error, Conflict):
        note(game_id=error.state.get("game_id"))
