"""How many games the first training needs, for `rps up`, `rps doctor` and the training sensor."""

from math import ceil

from rps_core.game.scoring import MAX_ROUNDS
from rps_core.settings import TrainingSettings

# Rounds after the opening of a game. Scripted games have ten on average; a plan must not end just short of enough.
EXAMPLES_PER_GAME = 9


def examples_needed(training: TrainingSettings) -> int:
    """Return the examples without which the first training does not start or fails."""
    return max(training.min_total_examples, training.min_examples)


def games_to_play(examples: int, training: TrainingSettings) -> str:
    """Return how many games make this many examples, as in "34 games of people, or 170 scripted ones"."""
    games = ceil(examples / EXAMPLES_PER_GAME)
    unit = "game" if games == 1 else "games"
    return f"{games} {unit} of people, or {games * training.training_scripted_game_stride} scripted ones,"


def first_training_fault(scripted_games: int, people_games: int, training: TrainingSettings) -> tuple[str, str] | None:
    """Return why the first training never starts with these games, and what to do; None if it starts.

    Args:
        scripted_games: games of scripted players that are stored or will be played.
        people_games: stored games of people.
        training: which of them train, and how many examples the first training needs.
    """
    needed, stride = examples_needed(training), training.training_scripted_game_stride
    # Whole games are left out until the rest fits, so up to one game less than the limit is kept.
    room = training.max_usable_rows - MAX_ROUNDS
    if room < needed:
        return (
            f"MAX_USABLE_ROWS is {training.max_usable_rows}, so the first training may never get the {needed} examples "
            "that it waits for (MIN_TOTAL_ROWS)",
            f"set MAX_USABLE_ROWS to at least {needed + MAX_ROUNDS}",
        )
    expected = EXAMPLES_PER_GAME * (people_games + ceil(scripted_games / stride))
    if expected >= needed:
        return None
    games = f"{scripted_games} scripted games" + (f" and {people_games} of people" if people_games else "")
    which = f", as one scripted game in {stride} trains (TRAINING_LEGACY_GAME_STRIDE)" if stride > 1 else ""
    return (
        f"{games} make about {expected} examples{which}; the first training waits for {needed} (MIN_TOTAL_ROWS)",
        f"set RPS_BOOTSTRAP_GAMES to at least {ceil(needed / EXAMPLES_PER_GAME) * stride}, or play: "
        f"{games_to_play(needed - expected, training)} make the rest",
    )
