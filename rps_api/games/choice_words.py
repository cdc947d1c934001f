"""How the bot chose a move, in words and recomputed, from what the store holds of the round."""

from collections.abc import Sequence

from rps_api.games.decision import SOURCE_GAMBIT, rule_of
from rps_api.games.replies import own_prediction, probabilities_used, scores_before
from rps_core.game.choice import choose_move
from rps_core.game.equilibrium import Mixture
from rps_core.game.moves import MOVES
from rps_core.game.rules import EXPECTED_VALUE, draw_move, is_mixed, mixture_of, round_stakes
from rps_core.store.games import StoredGame, StoredRound


def budget_before(game: StoredGame, rounds: Sequence[StoredRound], round_no: int) -> float | None:
    """Return the budget that a round was played with; None without a bank, or if the game had rested for an hour."""
    if rounds[round_no - 1].budget is None:
        return None
    return rounds[round_no - 2].budget if round_no > 1 else game.stake


def choice_is_reproduced(game: StoredGame, played: StoredRound, budget: float | None) -> bool:
    """Return whether the rule, the stored prediction, budget and draw give the stored mixture and move again."""
    user_score, bot_score = scores_before(game, played)
    stakes = round_stakes(user_score, bot_score, played.points)
    if stakes is None or rule_of(game) == EXPECTED_VALUE:
        if played.probability_source == SOURCE_GAMBIT:
            return played.bot_move == game.opening[played.round_no - 1]
        return played.bot_move == choose_move(probabilities_used(game, played), played.points, bot_score, user_score)
    own = own_prediction(game, played)
    mixture = mixture_of(rule_of(game), stakes, None if own is None else own.probabilities, budget)
    return mixture == played.mixture and draw_move(mixture, played.draw or 0.0) == played.bot_move


def how_it_chose(game: StoredGame, played: StoredRound, budget: float | None) -> str:
    """Return one or two sentences about the choice of the bot's move."""
    rule, move, mixture = rule_of(game), played.bot_move, played.mixture
    if rule == EXPECTED_VALUE or mixture is None:
        if played.probability_source == SOURCE_GAMBIT:
            return f"{move.capitalize()} is part of the opening, which was drawn at the start."
        return f"With these probabilities, values and scores, {move} had the largest expected value."
    if not is_mixed(mixture):
        text = f"With this forecast, {move} gave it the best chance to win the game."
        return f"{text} Its bank could carry the risk." if rule == "banked" else text
    drawn = f"It drew {move} from {in_percent(mixture)}"
    if played.probability_source == SOURCE_GAMBIT:
        return f"The first three moves are perfect play: nobody can exploit them. {drawn}."
    own = own_prediction(game, played)
    if rule == "banked" and own is not None and budget:
        return f"{drawn}: the best reply to its forecast that risks only a fifth of its bank of {100 * budget:.1f} %."
    if rule == "banked" and own is not None:
        return f"{drawn}: its bank is empty, so it played perfectly."
    return f"{drawn}: perfect play, which nobody can exploit."


def in_percent(mixture: Mixture) -> str:
    """Return a mixture like ``rock 44 %, paper 24 %, scissors 32 %``."""
    return ", ".join(f"{move} {100 * share:.0f} %" for move, share in zip(MOVES, mixture, strict=True))
