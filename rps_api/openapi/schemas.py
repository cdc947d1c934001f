"""Schemas the framework cannot derive: problems, values that a string may have, replies that are files."""

from typing import Any

from rps_api.inference.prediction_schemas import MAX_HISTORY
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES
from rps_core.game.moves import MOVES
from rps_core.game.opponents import POLICIES
from rps_core.promotion.ledger_entry import DECISIONS

Json = dict[str, Any]

_PROBLEM_FIELDS: Json = {
    "type": {"type": "string", "description": "A URN that names the kind of problem, or about:blank."},
    "title": {"type": "string", "description": "The name of the status."},
    "status": {"type": "integer", "minimum": 400, "maximum": 599},
    "detail": {"type": "string", "description": "What was wrong, and what to do."},
    "instance": {"type": "string", "description": "The path that was asked for."},
}
_REQUIRED = ["type", "title", "status", "detail", "instance"]
PROBLEMS: Json = {
    "Problem": {
        "type": "object",
        "title": "Problem",
        "description": "Every error (RFC 9457). `detail` is text, as in the original.",
        "required": _REQUIRED,
        "properties": _PROBLEM_FIELDS
        | {"errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldFault"}}},
    },
    "FieldFault": {
        "type": "object",
        "title": "FieldFault",
        "description": "One field or parameter that cannot be accepted.",
        "required": ["field", "loc", "msg", "type"],
        "properties": {
            "field": {"type": "string"},
            "loc": {"type": "array", "items": {"type": "string"}},
            "msg": {"type": "string"},
            "type": {"type": "string"},
        },
    },
    "PlayConflict": {
        "type": "object",
        "title": "PlayConflict",
        "description": "A problem that also tells where the game stands, so that a client can go on.",
        "required": [*_REQUIRED, "game_id", "current_round", "rounds_played", "finished", "user_score", "bot_score"],
        "properties": _PROBLEM_FIELDS
        | {
            "game_id": {"type": "string"},
            "current_round": {"type": "integer", "description": "The round that would be played next."},
            "rounds_played": {"type": "integer"},
            "finished": {"type": "boolean"},
            "winner": {"enum": ["user", "bot", "tie", None]},
            "user_score": {"type": "number"},
            "bot_score": {"type": "number"},
        },
    },
}


def _one_of(values: Any, text: str) -> Json:
    return {"description": text, "schema": {"type": "string", "enum": list(values)}}


def _optional(values: Any) -> Json:
    return {"anyOf": [{"type": "string", "enum": list(values)}, {"type": "null"}]}


_MOVE: Json = {"enum": list(MOVES), "description": "In any case."}
_MOVES: Json = {"items": {"type": "string", "enum": list(MOVES)}}
_POLICY: Json = {"enum": list(POLICIES)}
# Where a missing opponent means the first one, or all, an empty text does too.
_ANY_POLICY = _optional((*POLICIES, ""))
# Fields whose type is text because their errors are ours to word; by schema.
PROPERTIES: dict[str, dict[str, Json]] = {
    "PlayRequest": {"user_move": _MOVE},
    "StartGameRequest": {"policy": _ANY_POLICY, "bot_policy": _ANY_POLICY},
    "PredictRequest": {
        "policy": _POLICY,
        "player_history": _MOVES,
        "bot_history": _MOVES,
        "ab_assignment": _optional(ALIASES),
    },
    "ContextRequest": {"player_move": _MOVE, "opponent_history": _MOVES},
    "ContextDetails": {
        "policy": _POLICY,
        "player_history": _MOVES,
        "bot_history": {"anyOf": [{"type": "array", "maxItems": MAX_HISTORY, **_MOVES}, {"type": "null"}]},
    },
    "PromotionReport": {"model_type": {"enum": list(FAMILIES)}, "decision": {"enum": list(DECISIONS)}},
    "TrainingCompletion": {"model_type": {"enum": list(FAMILIES)}, "status": {"enum": ["success", "failure"]}},
}

_GAME = {"description": "Id of a game, as POST /start_game answered it."}
_MODEL = _one_of((*FAMILIES, *REGISTERED_NAMES.values()), "A family, or the name of its registered model.")
# Parameters, by operation and name; those of no operation are for all.
PARAMETERS: dict[tuple[str, str], Json] = {
    ("", "game_id"): _GAME,
    ("", "round_no"): {"description": "Number of the round, from 1.", "schema": {"minimum": 1, "maximum": 1000}},
    ("", "model_type"): _one_of(FAMILIES, "A family."),
    ("", "model_name"): _MODEL,
    ("", "alias"): _one_of(ALIASES, "An alias."),
    ("", "stage"): _one_of((alias for alias in ALIASES if alias != "B"), "The alias that takes the version of B."),
    ("", "limit"): {"description": "How many at most."},
    ("", "days"): {"description": "Length of the period, ending now."},
    ("", "policy"): {"description": "An opponent.", "schema": _ANY_POLICY},
    ("", "opponent"): {"description": "An opponent; all where missing.", "schema": _ANY_POLICY},
    ("", "easy_mode"): {"description": "Games of the retired easy mode, or of the normal one."},
    ("", "difficulty_mode"): {
        "description": "The same as text; beats easy_mode.",
        "schema": _optional(("standard", "normal", "easy")),
    },
    ("", "player_name"): {"description": "Name of a player, exactly."},
    ("", "session_id"): {"description": "Id of a session, as POST /start_game answered it."},
    ("", "human_only"): {"description": "Leave out scripted players and names that are no people."},
    ("", "Idempotency-Key"): {
        "description": "Names this request: sent again with the same key, the round is played once.",
        "schema": {"anyOf": [{"type": "string", "pattern": "^[!-~]{1,128}$"}, {"type": "null"}]},
    },
    ("", "decision"): {"description": "Only these decisions.", "schema": _optional(DECISIONS)},
    ("", "since"): {
        "description": "Only decisions from this moment on.",
        "schema": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
    },
    ("promotionHistory", "model_type"): {"description": "Only this family.", "schema": _optional(FAMILIES)},
    ("unloadModel", "model_type"): _one_of(
        (*FAMILIES, *(f"{family}@{alias}" for family in FAMILIES for alias in ALIASES)), "A family, or one slot of it."
    ),
    ("policyStats", "policy"): _one_of(POLICIES, "An opponent."),
    ("exportRounds", "format"): {"description": "The kind of file."},
}

_ROUNDS: Json = {
    "type": "object",
    "required": ["count", "format", "data"],
    "properties": {
        "count": {"type": "integer"},
        "format": {"const": "json"},
        "data": {"type": "array", "items": {"type": "object"}},
    },
}
# Replies that are files: content by media type.
REPLIES: dict[str, Json] = {
    "exportRounds": {
        "application/json": {"schema": _ROUNDS},
        "text/csv": {"schema": {"type": "string"}},
        "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
    }
}
