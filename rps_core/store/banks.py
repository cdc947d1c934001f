"""The banks: how much win probability an opponent may still lose to each player.

A game takes its stake in the transaction that creates it and returns what is left with its last round. What an
abandoned game holds goes back when its player starts the next game, or with its own next move. Every bank is locked
before any other row, in the order of the keys, so two processes cannot wait for each other.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Engine, bindparam, delete, insert, select, text, update

from rps_core.game.rules import BANKED, FIRST_STAKE
from rps_core.store.games import REST, GameRound, StoredGame
from rps_core.store.prepared import PreparedWrite
from rps_core.store.schema import bank_loans, banks, events, games

# The clocks of two processes differ by less: one never takes back what the other still plays with.
_CLOCKS = timedelta(minutes=5)

_OPEN = text(
    "INSERT INTO banks (session_id, bot_policy, budget) VALUES (:session, :policy, :budget) ON CONFLICT DO NOTHING"
)
_IS_BANK = (banks.c.session_id == bindparam("session")) & (banks.c.bot_policy == bindparam("policy"))
_LOCK = select(banks.c.budget).where(_IS_BANK).with_for_update()
_ADD = update(banks).where(_IS_BANK).values(budget=banks.c.budget + bindparam("amount"))
_TAKE_BACK = delete(bank_loans).where(bank_loans.c.game_id == bindparam("game"))
_ROUNDS = select(events.c.budget, events.c.ts).where(events.c.game_id == bindparam("game")).order_by(events.c.step_no)
_LOANS = (
    select(games.c.id, games.c.stake, games.c.created_ts_utc, games.c.finished_ts)
    .join(bank_loans, bank_loans.c.game_id == games.c.id)
    .where(bank_loans.c.session_id == bindparam("session"), bank_loans.c.bot_policy == bindparam("policy"))
    .order_by(games.c.id)
)


class BankKey(NamedTuple):
    """One player, as the session, against one opponent."""

    session: str
    policy: str


class _Loan(NamedTuple):
    """What a game has of its bank; times are as the database stores them."""

    game_id: str
    stake: float
    created_at: str
    finished_at: str | None


class Banks:
    """The banks of one database, inside of the transactions that store games and rounds."""

    def __init__(self, engine: Engine) -> None:
        key = BankKey._fields
        self._open = PreparedWrite(_OPEN, (*key, "budget"), engine)
        self._lock = PreparedWrite(_LOCK, key, engine)
        self._add = PreparedWrite(_ADD, (*key, "amount"), engine)
        self._lend = PreparedWrite(insert(bank_loans).inline(), [column.name for column in bank_loans.c], engine)
        self._close = PreparedWrite(_TAKE_BACK, ("game",), engine)
        self._loans = PreparedWrite(_LOANS, key, engine)
        self._rounds = PreparedWrite(_ROUNDS, ("game",), engine)

    def settle(self, cursor: Any, batch: Iterable[StoredGame | GameRound]) -> dict[str, float]:
        """Take back what rounds return, and return the stake of each new game that plays from a bank.

        Call it before any other statement of the transaction, and `lend` once the games are stored.

        Args:
            cursor: a cursor of the driver, from `Writer.cursor`.
            batch: the games and rounds of the transaction.
        """
        started = [item for item in batch if isinstance(item, StoredGame) and _takes_a_stake(item)]
        returning = [item for item in batch if isinstance(item, GameRound) and item.new.returned is not None]
        opened = {_key_of(game) for game in started}
        for key in sorted(opened | {_key_of(item.game) for item in returning}):
            if key in opened:
                self._open.execute(cursor, [key._asdict() | {"budget": FIRST_STAKE}])
            self._lock.read(cursor, key._asdict())
        for item in returning:
            self._take_back(cursor, _key_of(item.game), item.game.id, item.new.returned or 0.0)
        return {game.id: self._stake(cursor, _key_of(game), game.created_at) for game in started}

    def lend(self, cursor: Any, batch: Iterable[StoredGame | GameRound], stakes: dict[str, float]) -> None:
        """Store the loans of new games; a game without a stake has nothing to return."""
        lent = [item for item in batch if isinstance(item, StoredGame) and stakes.get(item.id)]
        rows = [{"game_id": game.id, "session_id": game.session_id, "bot_policy": game.policy} for game in lent]
        self._lend.execute(cursor, rows)

    def _stake(self, cursor: Any, key: BankKey, now: datetime) -> float:
        """Move the whole budget of a bank to a game and return it; a game next to another one gets nothing."""
        for loan in map(_Loan._make, self._loans.read(cursor, key._asdict())):
            amount = self._abandoned(cursor, loan, now)
            if amount is not None:
                self._take_back(cursor, key, loan.game_id, amount)
        ((budget,),) = self._lock.read(cursor, key._asdict())
        if budget <= 0:
            return 0.0
        self._add.execute(cursor, [key._asdict() | {"amount": -budget}])
        return float(budget)

    def _take_back(self, cursor: Any, key: BankKey, game_id: str, amount: float) -> None:
        """Close a loan and add what it returns to its bank; the loan can be closed only once."""
        if self._close.execute(cursor, [{"game": game_id}]) == 1:
            self._add.execute(cursor, [key._asdict() | {"amount": amount}])

    def _abandoned(self, cursor: Any, loan: _Loan, now: datetime) -> float | None:
        """Return what an abandoned game returns, or None while the game can still go on."""
        rounds = self._rounds.read(cursor, {"game": loan.game_id})
        budget, active_at = rounds[-1] if rounds else (loan.stake, loan.created_at)
        if now - datetime.fromisoformat(active_at) < REST + _CLOCKS:
            return None
        # An earlier release has played a round of it, by another rule.
        if budget is None or loan.finished_at is not None:
            return 0.0
        return float(budget)


def _takes_a_stake(game: StoredGame) -> bool:
    # A game without a session comes with a stake, and no later game would find its bank.
    return game.choice_rule == BANKED and game.stake is None


def _key_of(game: StoredGame) -> BankKey:
    return BankKey(game.session_id, game.policy)
