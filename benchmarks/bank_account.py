"""The account of a bank, from the gameplay store alone: what all rounds of a session gained, and where it is now."""

from collections import defaultdict
from typing import Any, NamedTuple

from sqlalchemy import Engine, select

from rps_core.game.moves import MOVE_INDEX
from rps_core.game.rules import FIRST_STAKE, round_stakes
from rps_core.store.schema import bank_loans, banks, events, games


class BankAccount(NamedTuple):
    """One session against one opponent; everything in win probability, which is to say in games.

    Attributes:
        games: games that started.
        finished: how many of them are finished.
        gained: what the bot's mixtures were worth against the moves that came, over perfect play.
        results: what the bot won of the finished games; a tie counts one half.
        bank: what the bank holds.
        lent: what unfinished games hold of it.
    """

    games: int
    finished: int
    gained: float
    results: float
    bank: float
    lent: float

    @property
    def missing(self) -> float:
        """What was lost, or negative what was counted twice: zero but for rounding, whatever happened."""
        return FIRST_STAKE + self.gained - self.bank - self.lent


def accounts_of(engine: Engine, policy: str = "forrest") -> dict[str, BankAccount]:
    """Return the account of each session that has a bank."""
    played: dict[str, list[Any]] = defaultdict(list)
    of_session: dict[str, list[Any]] = defaultdict(list)
    with engine.connect() as connection:
        kept = connection.execute(select(banks).where(banks.c.bot_policy == policy)).all()
        lent = set(connection.execute(select(bank_loans.c.game_id)).scalars())
        for game in connection.execute(select(games).where(games.c.bot_policy == policy)):
            of_session[game.session_id].append(game)
        for row in connection.execute(select(events).order_by(events.c.game_id, events.c.step_no)):
            played[row.game_id].append(row)
    return {bank.session_id: _account(bank.budget, of_session[bank.session_id], played, lent) for bank in kept}


def _account(bank: float, started: list[Any], played: dict[str, list[Any]], lent: set[str]) -> BankAccount:
    finished = [game for game in started if game.winner is not None]
    return BankAccount(
        games=len(started),
        finished=len(finished),
        gained=sum(_gained(played[game.id]) for game in started),
        results=sum({"bot": 1.0, "user": 0.0}.get(game.winner, 0.5) for game in finished),
        bank=bank,
        lent=sum(_budget(game, played[game.id]) for game in started if game.id in lent),
    )


def _budget(game: Any, rounds: list[Any]) -> float:
    return float(rounds[-1].budget if rounds else game.stake)


def _gained(rounds: list[Any]) -> float:
    gained, user, bot = 0.0, 0.0, 0.0
    for row in rounds:
        points = (row.round_rock_pts, row.round_paper_pts, row.round_scissors_pts)
        stakes = round_stakes(user, bot, points)
        if stakes is None:
            raise ValueError(
                f"round {row.step_no} of {row.game_id} has the values {points}, which the rules never draw"
            )
        mixture = (row.mix_rock, row.mix_paper, row.mix_scissors)
        gained += stakes.against_user_moves(mixture)[MOVE_INDEX[row.user_move]] - stakes.value
        user, bot = row.user_score, row.bot_score
    return gained
