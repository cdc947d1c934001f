"""How an opponent chooses its move: four rules, each a mixture of the three moves that the bot draws from.

The rule belongs to the opponent, not to its model: both aliases play by it, so promotion compares models under one
rule, and a guarantee holds whatever model plays. The game stores its rule at the start.

Without a forecast (in the opening, or if no model can predict) every rule but `expected_value` plays the equilibrium.
`expected_value` is the original's rule; `rps_core.game.choice` and `gambits` have it.
"""

from typing import Literal, TypeAlias, get_args

from rps_core.errors import is_harmless
from rps_core.game.choice import Probabilities
from rps_core.game.equilibrium import Mixture, Stakes, best_move, safe_response, stakes_of, win_table
from rps_core.game.equilibrium.table import TARGET, value_patterns
from rps_core.game.moves import MOVES, Move
from rps_core.game.opponents import POLICIES
from rps_core.game.scoring import Points, tenths

ChoiceRule: TypeAlias = Literal["win_probability", "banked", "equilibrium", "expected_value"]
CHOICE_RULES: tuple[ChoiceRule, ...] = get_args(ChoiceRule)
DEFAULT_RULES: dict[str, ChoiceRule] = {
    "brian": "win_probability",
    "forrest": "banked",
    "logan": "win_probability",
}

BANKED: ChoiceRule = "banked"
EXPECTED_VALUE: ChoiceRule = "expected_value"
# Win probability that a new bank holds: what the bot gives away to one player at most, over any number of games.
FIRST_STAKE = 0.10
# Share of its budget that the bot risks in one round.
RISKED_SHARE = 0.20

_DRAWN_VALUES = frozenset(
    values[turn:] + values[:turn] for _, values in value_patterns() for turn in range(len(values))
)


def parse_rules(text: str) -> dict[str, ChoiceRule]:
    """Return the rule of each opponent from text like ``forrest:banked,logan:equilibrium``; others keep the default.

    Raises:
        ValueError: an opponent or a rule is unknown, or an opponent has two rules.
    """
    rules: dict[str, ChoiceRule] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        policy, _, name = (side.strip() for side in part.partition(":"))
        rule = next((rule for rule in CHOICE_RULES if rule == name), None)
        if policy not in POLICIES:
            raise ValueError(f"has an unknown opponent{_quoted(policy)}; choose one of {', '.join(POLICIES)}")
        if rule is None:
            raise ValueError(
                f"has an unknown rule{_quoted(name)} for {policy}; choose one of {', '.join(CHOICE_RULES)}"
            )
        if policy in rules:
            raise ValueError(f"has two rules for {policy}; leave one")
        rules[policy] = rule
    return DEFAULT_RULES | rules


def _quoted(name: str) -> str:
    return f" {name!r}" if is_harmless(name) else ""


def round_stakes(user_score: float, bot_score: float, points: Points) -> Stakes | None:
    """Return what a round is about in win probability; None if its values are not among those that the rules draw.

    Args:
        user_score: before the round, in points.
        bot_score: before the round, in points.
        points: values of the three moves.
    """
    user, bot = tenths(user_score), tenths(bot_score)
    values = tenths(points[0]), tenths(points[1]), tenths(points[2])
    if values not in _DRAWN_VALUES or not (0 <= user < TARGET and 0 <= bot < TARGET):
        return None
    return stakes_of(win_table(), user, bot, values)


def mixture_of(rule: ChoiceRule, stakes: Stakes, forecast: Probabilities | None, budget: float | None) -> Mixture:
    """Return the mixture that the bot draws its move from.

    Args:
        rule: any but `expected_value`.
        stakes: the round.
        forecast: predicted probabilities of the user's move, or None.
        budget: win probability that the bot may lose in this game; None if the game has none.
    """
    if forecast is None or rule == "equilibrium":
        return stakes.bot_mixture
    if rule == "banked":
        return safe_response(stakes, forecast, RISKED_SHARE * (budget or 0.0))
    return best_move(stakes.against_forecast(forecast))


def is_mixed(mixture: Mixture) -> bool:
    """Return whether a move has to be drawn."""
    return max(mixture) < 1.0


def draw_move(mixture: Mixture, draw: float) -> Move:
    """Return the move at a uniform draw from 0 to 1: rock comes first, then paper, then scissors."""
    if draw < mixture[0]:
        return MOVES[0]
    if draw < mixture[0] + mixture[1] or mixture[2] <= 0:
        return MOVES[1] if mixture[1] > 0 else MOVES[0]
    return MOVES[2]
