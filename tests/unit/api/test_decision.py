"""The bot's decision as a pure function: its source, the pinned model and the mark of a switch."""

from dataclasses import replace
from typing import Any, cast

import pytest

from rps_api.games.decision import MoveDecision, UpcomingRound, decide
from rps_api.inference.model import FeatureRow, LoadedModel, PredictionFailed
from rps_api.inference.snapshot import Snapshot
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.steps import steps_after
from rps_core.game.choice import UNIFORM, Probabilities, choose_move
from rps_core.game.equilibrium import Stakes, safe_response
from rps_core.game.families import ALIASES, ModelIdentity, Slot
from rps_core.game.moves import MOVES
from rps_core.game.rules import ChoiceRule, round_stakes
from rps_core.game.scoring import PlayedRound, round_points
from rps_core.store.games import StoredGame
from tests.builders.games import START

MINE, OTHER = ModelIdentity("1", "a" * 32), ModelIdentity("2", "b" * 32)


class Fixed:
    """A model that always predicts the same distribution, or fails."""

    family = "xgboost"
    contract = CURRENT_CONTRACT

    def __init__(self, identity: ModelIdentity, answer: Probabilities | None) -> None:
        self.identity = identity
        self.answer = answer

    def predict(self, features: FeatureRow) -> Probabilities:
        if self.answer is None:
            raise PredictionFailed("broken")
        return self.answer


def model(identity: ModelIdentity = MINE, answer: Probabilities | None = (0.2, 0.3, 0.5)) -> LoadedModel:
    return cast(LoadedModel, Fixed(identity, answer))


def game(round_no: int, **changes: Any) -> StoredGame:
    """A game before round `round_no`; only the number of its rounds matters here."""
    rounds = tuple(
        PlayedRound(number, "rock", "rock", round_points("g", number), 0.5 * number, 0.5 * number)
        for number in range(1, round_no)
    )
    stored = StoredGame(
        id="g",
        session_id="s",
        player_name="Mira",
        player_kind="human",
        policy="forrest",
        family="xgboost",
        alias="Production",
        model=MINE,
        model_switched=False,
        opening_name="crescendo",
        opening=("rock", "paper", "scissors"),
        user_score=0.5 * len(rounds),
        bot_score=0.5 * len(rounds),
        winner=None,
        easy_mode=False,
        created_at=START,
        finished_at=None,
        rounds=rounds,
    )
    return stored._replace(**changes)


def snapshot(**slots: LoadedModel) -> Snapshot:
    return Snapshot(slots={Slot("xgboost", cast(Any, alias)): held for alias, held in slots.items()})


def decision(stored: StoredGame, served: Snapshot, *, forced: bool = False, draw: float = 0.5) -> MoveDecision:
    upcoming = UpcomingRound(stored, steps_after(stored.rounds))
    return decide(stored, upcoming, served, forced_fallback=forced, draw=lambda: draw)


@pytest.mark.parametrize("round_no", [1, 2, 3])
def test_the_opening_needs_no_model(round_no: int) -> None:
    decided = decision(game(round_no), snapshot(Production=model(answer=None)))
    assert decided == MoveDecision(("rock", "paper", "scissors")[round_no - 1], "gambit")


def test_the_model_plays_the_first_round_of_an_imported_game_without_an_opening() -> None:
    decided = decision(game(1, opening=(), opening_name=None), snapshot(Production=model()))
    assert decided.source == "mlflow"


def test_the_bot_plays_the_move_of_the_largest_expected_value() -> None:
    served = snapshot(Production=model(), B=model(OTHER, (1.0, 0.0, 0.0)))
    decided = decision(game(4), served)
    assert decided.bot_move == choose_move((0.2, 0.3, 0.5), round_points("g", 4), 1.5, 1.5)
    assert [prediction.alias for prediction in decided.predictions] == ["Production", "B"]
    assert (decided.pin, decided.switched) == (None, False)


def test_the_model_that_began_the_game_is_found_in_any_slot() -> None:
    served = snapshot(Production=model(OTHER), shadow1=model(MINE))
    decided = decision(game(5), served)
    assert [(prediction.alias, prediction.model) for prediction in decided.predictions] == [
        ("Production", MINE),
        ("shadow1", MINE),
    ]
    assert decided.pin is None


def test_the_model_that_began_the_game_is_found_among_the_replaced_models() -> None:
    served = replace(snapshot(Production=model(OTHER)), replaced={("xgboost", MINE): model(MINE)})
    assert decision(game(5), served).predictions[0].model == MINE


@pytest.mark.parametrize(
    ("round_no", "pinned", "switched"),
    [(4, MINE, False), (4, None, False), (5, MINE, True), (5, None, True)],
)
def test_a_new_model_pins_the_game_and_marks_it_once_another_has_chosen_a_move(
    round_no: int, pinned: ModelIdentity | None, switched: bool
) -> None:
    decided = decision(game(round_no, model=pinned), snapshot(Production=model(OTHER)))
    assert (decided.pin, decided.switched) == (OTHER, switched)


@pytest.mark.parametrize("served", [snapshot(), snapshot(Production=model(answer=None))])
def test_a_missing_or_failing_model_means_a_uniform_fallback_that_marks_the_game(served: Snapshot) -> None:
    decided = decision(game(6), served)
    assert decided.source == "fallback"
    assert decided.bot_move == choose_move(UNIFORM, round_points("g", 6), 2.5, 2.5)
    assert (decided.pin, decided.switched) == (None, True)


def test_a_fallback_does_not_mark_a_game_that_never_had_a_model() -> None:
    assert not decision(game(6, model=None), snapshot()).switched


def test_shadows_predict_even_if_the_playing_model_fails() -> None:
    served = snapshot(Production=model(answer=None), shadow1=model(OTHER))
    assert [prediction.alias for prediction in decision(game(4), served).predictions] == ["shadow1"]


def test_a_forced_fallback_uses_no_model() -> None:
    decided = decision(game(4), snapshot(**{alias: model(answer=None) for alias in ALIASES}), forced=True)
    assert (decided.source, decided.predictions) == ("forced_fallback", ())


# The rules that came after the original's


@pytest.mark.parametrize("rule", ["win_probability", "banked", "equilibrium"])
@pytest.mark.parametrize(("round_no", "served"), [(1, snapshot(Production=model())), (3, snapshot()), (6, snapshot())])
def test_without_a_forecast_every_rule_draws_from_perfect_play(
    rule: ChoiceRule, round_no: int, served: Snapshot
) -> None:
    stored = game(round_no, opening=(), choice_rule=rule, budget=0.5)
    perfect = stakes(stored).bot_mixture
    decided = decision(stored, served, draw=perfect[0] + 0.01)
    assert (decided.bot_move, decided.mixture, decided.draw) == ("paper", perfect, perfect[0] + 0.01)
    assert decided.source == ("gambit" if round_no <= 3 else "fallback")
    assert decision(stored, served, draw=perfect[0] - 0.01).bot_move == "rock"
    assert decision(stored, served, draw=0.999).bot_move == "scissors"


def test_win_probability_plays_the_move_with_the_best_chance_and_draws_nothing() -> None:
    stored = game(16, choice_rule="win_probability")
    forecast = (0.1, 0.1, 0.8)
    decided = decision(stored, snapshot(Production=model(answer=forecast)))
    worth = stakes(stored).against_forecast(forecast)
    assert decided.bot_move == MOVES[worth.index(max(worth))] == "rock"
    assert (decided.mixture, decided.draw, decided.source) == ((1.0, 0.0, 0.0), None, "mlflow")


@pytest.mark.parametrize(("budget", "is_pure"), [(None, False), (0.0, False), (0.02, False), (5.0, True)])
def test_a_bank_risks_a_fifth_of_what_it_holds(budget: float | None, is_pure: bool) -> None:
    stored, forecast = game(8, choice_rule="banked", budget=budget), (0.1, 0.1, 0.8)
    decided = decision(stored, snapshot(Production=model(answer=forecast)))
    assert decided.mixture == safe_response(stakes(stored), forecast, 0.2 * (budget or 0.0))
    assert (decided.draw is None) == is_pure
    assert (decided.mixture == stakes(stored).bot_mixture) == (not budget)


def test_the_equilibrium_ignores_what_the_models_predict() -> None:
    stored = game(8, choice_rule="equilibrium")
    decided = decision(stored, snapshot(Production=model(answer=(0.0, 0.0, 1.0))))
    assert decided.mixture == stakes(stored).bot_mixture
    assert (decided.source, len(decided.predictions)) == ("mlflow", 1)


def stakes(stored: StoredGame) -> Stakes:
    found = round_stakes(stored.user_score, stored.bot_score, stored.round_points(stored.next_round_no))
    assert found is not None
    return found
