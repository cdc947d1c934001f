"""Games in process through the product's own decisions, scoring and store, for players who may know everything."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple, TypeAlias

from rps_api.games.decision import UpcomingRound, decide, plan_round
from rps_api.games.idempotency import Play
from rps_api.inference.snapshot import Snapshot
from rps_core.features.steps import GameSteps, steps_after
from rps_core.game.equilibrium import Mixture, Stakes
from rps_core.game.families import Slot
from rps_core.game.gambits import draw_gambit, resolve_gambit
from rps_core.game.moves import MOVE_INDEX, MOVES, Move
from rps_core.game.opponents import opponent
from rps_core.game.rules import BANKED, EXPECTED_VALUE, FIRST_STAKE, ChoiceRule, round_stakes
from rps_core.game.value_keys import new_key
from rps_core.store import GameStore
from rps_core.store.games import GameRound, StoredGame


class Seat(NamedTuple):
    """What a player sees before its move; only an omniscient one may look at the mixture."""

    game: StoredGame
    upcoming: UpcomingRound
    stakes: Stakes
    mixture: Mixture


Player: TypeAlias = Callable[[Seat], Move]


class PlayedGame(NamedTuple):
    """A finished game, from the bot's side.

    Attributes:
        result: 1, 0 or one half.
        expected: one half and what the bot's mixtures were worth against the moves that came: the result without luck.
        stake: what the game took from its bank.
    """

    result: float
    expected: float
    stake: float
    game: StoredGame


class Arena:
    """Plays games of one opponent by one rule.

    Args:
        snapshot: the served models.
        rule: how the opponent chooses.
        random: draws keys, openings and moves.
        policy: the opponent.
        store: the gameplay store with the banks; None keeps the budgets in memory, which is ten times faster.
        start: time of the first game.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        rule: ChoiceRule,
        random: Random,
        *,
        policy: str = "forrest",
        store: GameStore | None = None,
        start: datetime,
    ) -> None:
        self._snapshot, self._rule, self._random, self._policy = snapshot, rule, random, policy
        self._store, self.now = store, start
        self._banks: dict[str, float] = {}
        self._number = 0

    def start(self, session: str) -> StoredGame:
        """Start a game of a session and return it with its stake."""
        self._number += 1
        self.now += timedelta(seconds=1)
        key, family = new_key(self._random), opponent(self._policy).family
        gambit = draw_gambit(self._random) if self._rule == EXPECTED_VALUE else None
        model = self._snapshot.slots.get(Slot(family, "Production"))
        game = StoredGame(
            id=f"{self._policy}-{session}-{self._number}",
            session_id=session,
            player_name="Nora",
            player_kind="test",
            policy=self._policy,
            family=family,
            alias="Production",
            model=None if model is None else model.identity,
            opening_name=None if gambit is None else gambit.name,
            opening=() if gambit is None else resolve_gambit(key, gambit),
            created_at=self.now,
            choice_rule=self._rule,
            value_key=key,
        )
        if self._store is not None:
            self._store.write([game])
            return self._store.load_game(game.id)
        stake = self._banks.pop(session, FIRST_STAKE) if self._rule == BANKED else None
        return game._replace(stake=stake, budget=stake)

    def play_round(self, game: StoredGame, player: Player) -> tuple[StoredGame, float]:
        """Play a round; also return what the bot's mixture won over perfect play against the move that came."""
        self.now += timedelta(seconds=1)
        drawn = self._random.random()
        rested = game if game.returned_by(self.now) is None else game._replace(budget=None)
        seat = seat_of(rested, steps_after(game.rounds), self._snapshot, drawn)
        move, stakes, mixture = player(seat), seat.stakes, seat.mixture
        new = plan_round(game, seat.upcoming, Play(game.id, move), self._snapshot, now=self.now, draw=lambda: drawn)
        if self._store is not None:
            self._store.write([GameRound(game, new)])
        elif new.returned is not None:
            self._banks[game.session_id] = self._banks.get(game.session_id, 0.0) + new.returned
        gained = stakes.against_user_moves(mixture)[MOVE_INDEX[move]] - stakes.value
        return game.after(new), gained

    def play_game(self, session: str, player: Player) -> PlayedGame:
        """Play a game of a session to its end."""
        game, expected = self.start(session), 0.5
        while game.finished_at is None:
            game, gained = self.play_round(game, player)
            expected += gained
        result = {"bot": 1.0, "user": 0.0}.get(str(game.winner), 0.5)
        return PlayedGame(result, expected, game.stake or 0.0, game)


def seat_of(game: StoredGame, known: GameSteps, snapshot: Snapshot, drawn: float = 0.5) -> Seat:
    """Return what an omniscient player knows before a round: the mixture that the bot draws from, but not the draw."""
    upcoming = UpcomingRound(game, known)
    decision = decide(game, upcoming, snapshot, forced_fallback=False, draw=lambda: drawn)
    stakes = round_stakes(game.user_score, game.bot_score, upcoming.points)
    if stakes is None:
        raise ValueError(f"round {upcoming.round_no} has the values {upcoming.points}, which the rules never draw")
    rock, paper, scissors = decision.mixture or (float(move == decision.bot_move) for move in MOVES)
    return Seat(game, upcoming, stakes, (rock, paper, scissors))


def omniscient(seat: Seat) -> Move:
    """Play the move that is worst for the bot's mixture."""
    against = seat.stakes.against_user_moves(seat.mixture)
    return MOVES[against.index(min(against))]
