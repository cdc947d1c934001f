"""The three opponents a player can choose, and the model family behind each."""

from typing import NamedTuple

from rps_core.errors import UnknownPolicy
from rps_core.game.families import Family


class Opponent(NamedTuple):
    """An opponent; `policy` is its id in the API and in the store."""

    policy: str
    display_name: str
    family: Family
    emoji: str


OPPONENTS: dict[str, Opponent] = {
    opponent.policy: opponent
    for opponent in (
        Opponent("brian", "Brian (Neural Network)", "feedforward_nn", "🧠"),
        Opponent("forrest", "Forrest (XGBoost)", "xgboost", "🌲"),
        Opponent("logan", "Logan (Logistic Regression)", "multinomial_logistic", "🪵"),
    )
}
POLICIES: tuple[str, ...] = tuple(OPPONENTS)


def opponent(policy: str) -> Opponent:
    """Return the opponent that `policy` names, ignoring case and surrounding blanks.

    Raises:
        UnknownPolicy: `policy` does not name an opponent.
    """
    found = OPPONENTS.get(policy.strip().lower())
    if found is None:
        raise UnknownPolicy(f"unknown policy {policy[:40]!r}; choose one of {', '.join(POLICIES)}")
    return found


def opponent_of(family: Family) -> Opponent:
    """Return the opponent whose moves a family chooses."""
    return next(opponent for opponent in OPPONENTS.values() if opponent.family == family)
