"""The reply of the observatory. Rates are from 0 to 1; their bounds are 95 % Wilson intervals."""

from datetime import datetime

import msgspec

from rps_core.game.families import Alias, Family
from rps_core.game.rules import ChoiceRule
from rps_core.promotion.ledger_entry import ComparedConfigurations, Decision
from rps_core.promotion.progress import Progress


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`hits` of `trials` as a rate with its bounds."""

    hits: int
    trials: int
    rate: float
    low: float
    high: float


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """How much is played. Minutes are the last sixty, oldest first; the last one is still running.

    Attributes:
        counted: whether the totals are ready; right after a start they are not, and are null.
        active_games: unfinished games with a round in the last half hour.
        rounds_by_source: rounds by the source of the probabilities behind the bot's move.
    """

    counted: bool
    rounds_by_minute: list[int]
    games_by_minute: list[int]
    active_games: int
    rounds: int | None
    finished_games: int | None
    rounds_by_source: dict[str, int]


class SlotState(msgspec.Struct, frozen=True, kw_only=True):
    """One of the twelve slots: the version it serves and the accuracy of that version in play; null if it is empty."""

    family: Family
    alias: Alias
    policy: str
    version: str | None
    run_id: str | None
    configuration_id: str | None
    trained_at: datetime | None
    loaded_at: datetime | None
    training_games: int | None
    training_examples: int | None
    test_accuracy: float | None
    test_log_loss: float | None
    accuracy: Rate | None


class Contestant(msgspec.Struct, frozen=True, kw_only=True):
    """A playing slot: its version, and the decided games (won or lost) and ties of its configuration.

    Games count since the comparison of the two configurations started, over all their versions.
    """

    version: str | None
    configuration_id: str | None
    ties: int
    win_rate: Rate | None


class Challenger(msgspec.Struct, frozen=True, kw_only=True):
    """A challenger with its rank; the accuracy is that of its configuration."""

    rank: int
    alias: Alias
    version: str
    configuration_id: str
    accuracy_at_least: float
    predictions: int
    predictions_needed: int


class FamilyState(msgspec.Struct, frozen=True, kw_only=True):
    """One family: its two playing slots, the progress of their comparison, and the challengers.

    Attributes:
        comparison: the configurations that are compared, and their pairs; null if Production or B is empty.
        standing: how the comparison stands, and why it does not move, as a sentence.
        still_needed: the games that a swap still needs, and when they will have been played; may be empty.
        next_decision_at: when the next decision is due, if games finish until then; null before the first decision.
    """

    family: Family
    policy: str
    opponent: str
    production: Contestant
    b: Contestant
    progress: Progress
    comparison: ComparedConfigurations | None
    standing: str
    still_needed: str
    next_decision_at: datetime | None
    challengers: list[Challenger]


class SlotChange(msgspec.Struct, frozen=True, kw_only=True):
    """A slot that got another version."""

    alias: str
    previous_version: str | None
    version: str | None


class LedgerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One promotion decision."""

    at: datetime
    family: Family
    decision: Decision
    reorder_applied: bool
    moves: list[SlotChange]
    reason: str | None


class CacheContent(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the cache index, and whether this process serves it."""

    family: Family
    alias: Alias
    version: str
    run_id: str
    served: bool


class CacheState(msgspec.Struct, frozen=True, kw_only=True):
    """The model cache; `readable` is false if the store does not answer or has no index."""

    readable: bool
    written_at: datetime | None
    entries: list[CacheContent]


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """Where the served models come from, and why slots do not serve.

    Attributes:
        source: `cache`, or `registry` if the cache has no index; null before the first load.
        forced_fallback: whether the settings make every game use uniform probabilities.
    """

    source: str | None
    filled: int
    slots: int
    failing: list[str]
    unloaded: list[str]
    forced_fallback: bool


class DatasetState(msgspec.Struct, frozen=True, kw_only=True):
    """The newest training data of a served model."""

    fingerprint: str
    games: int
    human_games: int
    examples: int
    last_game_at: datetime
    trained_at: datetime


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that each part of the installation takes, as `maintenance/retention` measured them."""

    measured_at: datetime
    bytes: dict[str, int]


class OpponentState(msgspec.Struct, frozen=True, kw_only=True):
    """How an opponent chooses its moves, and the newest finished games against it.

    Attributes:
        choice_rule: of new games.
        win_rate: decided games that the bot won; null without games.
        expected: mean result that the bot's play was worth against the moves that came, a tie counting one half.
    """

    policy: str
    choice_rule: ChoiceRule
    games: int
    win_rate: Rate | None
    expected: float | None


class CalibrationBin(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds of the newest finished games whose win probability for the bot was in one tenth of the scale.

    Attributes:
        predicted: mean win probability before the moves of these rounds.
        won: share of these rounds whose game the bot won, a tie counting one half.
    """

    rounds: int
    predicted: float
    won: float


class ObservatoryState(msgspec.Struct, frozen=True, kw_only=True):
    """The loop at one moment; games count from `since` on."""

    at: datetime
    since: datetime
    activity: Activity
    dataset: DatasetState | None
    slots: list[SlotState]
    families: list[FamilyState]
    ledger: list[LedgerEvent]
    cache: CacheState
    serving: Serving
    disk: DiskUse | None
    opponents: list[OpponentState]
    calibration: list[CalibrationBin]
