"""The columns of a file of rounds, which `import-rounds`, `export-rounds` and the endpoint `/export` share.

Each row is a round. `docs/importing.md` shows these columns, and a test keeps the two equal.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from rps_core.errors import DataFileError

if TYPE_CHECKING:
    import pyarrow

ColumnKind: TypeAlias = Literal["text", "whole", "number", "moment", "flag"]


class RoundColumn(NamedTuple):
    """A column of the file.

    Attributes:
        of_game: whether the column describes the game, so that all rows of a game must agree.
        synonyms: other names that the importer accepts.
        meaning: the content, and the default if it is missing.
    """

    name: str
    kind: ColumnKind
    of_game: bool
    synonyms: tuple[str, ...]
    meaning: str


def _round(name: str, kind: ColumnKind, meaning: str, *synonyms: str) -> RoundColumn:
    return RoundColumn(name, kind, of_game=False, synonyms=synonyms, meaning=meaning)


def _game(name: str, kind: ColumnKind, meaning: str, *synonyms: str) -> RoundColumn:
    return RoundColumn(name, kind, of_game=True, synonyms=synonyms, meaning=meaning)


ROUND_FILE_COLUMNS: tuple[RoundColumn, ...] = (
    _game("game_id", "text", "Required. Id of the game, at most 64 characters."),
    _round("round", "whole", "Required. Number of the round, from 1.", "round_no", "step_no"),
    _round("player_move", "text", "Required. rock, paper or scissors; none if the player did not move.", "user_move"),
    _round("bot_move", "text", "Required. The opponent's move.", "opponent_move"),
    _round("result", "text", "win, lose (or loss), draw (or tie) for the player; checked."),
    _round("rock_pts", "number", "Value of rock in points. A game without values is a classic game.", "round_rock_pts"),
    _round("paper_pts", "number", "Value of paper.", "round_paper_pts"),
    _round("scissors_pts", "number", "Value of scissors.", "round_scissors_pts"),
    _round("user_score", "number", "Score of the player after the round; checked.", "player_score"),
    _round("bot_score", "number", "Score of the opponent after the round; checked.", "opponent_score"),
    _round("event_ts", "moment", "When the round was played; defaults to the start of the game.", "played_at", "ts"),
    _round("probability_source", "text", "Source of the opponent's probabilities; defaults to unknown."),
    _game(
        "created_at", "moment", "Start of the game; defaults to its first round, then to 1970-01-01.", "created_ts_utc"
    ),
    _game("finished_at", "moment", "When the game ended; defaults to its last round.", "finished_ts"),
    _game("winner", "text", "user, bot or tie; checked."),
    _game("origin", "text", "played, imported or recording; defaults to imported, or recording if foreign."),
    _game("session_id", "text", "Session of the player; defaults to the id of the game.", "player_id"),
    _game("player_name", "text", "Name of the player; defaults to a name made from the session."),
    _game(
        "player_kind",
        "text",
        "human, scripted, simulated or test; otherwise inferred from the name; defaults to human.",
    ),
    _game("bot_policy", "text", "Opponent; a foreign one makes the game a recording.", "policy", "opponent_kind"),
    _game("model_alias", "text", "Alias that played: Production or B; defaults to Production.", "bot_model_alias"),
    _game("model_version", "text", "Version of the model that played; defaults to unknown.", "bot_model_version"),
    _game("model_run_id", "text", "MLflow run of that version.", "bot_model_run_id"),
    _game("model_switched", "flag", "Whether the model changed after it had chosen a move."),
    _game("opening_name", "text", "Name of the opening gambit."),
    _game("opening_seq", "text", 'Moves of the opening as JSON, like ["rock", "paper", "rock"].'),
    _game("easy_mode", "flag", "Whether the game used the retired easy mode; defaults to false."),
    _game("contract_version", "whole", "Version of the features that the models saw; defaults to 2."),
    _game("remembered_games", "text", "Ids of the earlier games that the models saw, newest first, as JSON."),
)
COLUMN_NAMES: tuple[str, ...] = tuple(column.name for column in ROUND_FILE_COLUMNS)


def import_pyarrow() -> None:
    """Check that Parquet files can be read and written.

    Raises:
        DataFileError: the library is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise DataFileError(
            "Parquet needs the library pyarrow: run `pip install 'rps-quest[assets]'`, or use CSV"
        ) from error


def parquet_schema() -> "pyarrow.Schema":
    """Return the columns as an Arrow schema."""
    import pyarrow

    types = {
        "text": pyarrow.string(),
        "whole": pyarrow.int32(),
        "number": pyarrow.float64(),
        "moment": pyarrow.timestamp("us", tz="UTC"),
        "flag": pyarrow.bool_(),
    }
    return pyarrow.schema([(column.name, types[column.kind]) for column in ROUND_FILE_COLUMNS])
