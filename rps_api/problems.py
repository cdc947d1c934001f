"""Documented errors: every error is a problem (RFC 9457), and a handler lists its own in `responses=`.

The errors that follow from a route's body, parameters, guards and limits are added by `rps_api.openapi`.
"""

from typing import Annotated, Literal

from litestar.openapi import ResponseSpec
from msgspec import Meta, Struct

from rps_api.errors import PROBLEM_MEDIA_TYPE


class FieldFault(Struct, frozen=True, kw_only=True):
    """One field or parameter that was rejected."""

    field: str
    loc: list[str]
    msg: str
    type: str


class _ProblemFields(Struct, frozen=True, kw_only=True):
    type: Annotated[str, Meta(description="A URN for the kind of problem, or about:blank.")]
    title: Annotated[str, Meta(description="The name of the status.")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="What is wrong, and what to do.")]
    instance: Annotated[str, Meta(description="The path of the request.")]


class Problem(_ProblemFields, frozen=True, kw_only=True, omit_defaults=True):
    """Every error (RFC 9457). `detail` is text, as in the original."""

    errors: list[FieldFault] = []


class PlayProblem(_ProblemFields, frozen=True, kw_only=True, omit_defaults=True):
    """A problem with the state of the game, so that a client can continue."""

    game_id: str
    current_round: Annotated[int, Meta(description="The next round to play.")]
    rounds_played: int
    finished: bool
    user_score: float
    bot_score: float
    winner: Literal["user", "bot", "tie"] | None = None


def problem(description: str, kind: type[Struct] = Problem) -> ResponseSpec:
    """Return the documentation of an error, for `responses=` of a handler."""
    return ResponseSpec(kind, description=description, media_type=PROBLEM_MEDIA_TYPE, generate_examples=False)


NO_STORE = problem("The gameplay store does not answer. Nothing was recorded.")
NO_GAME = problem("No game has this id.")
NO_SLOT = problem("The family, opponent or alias does not exist.")
NO_MODEL = problem("No model can predict at the moment.")
BAD_FILTER = problem("A filter names something that does not exist.")
