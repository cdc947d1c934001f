"""The use cases of play. A round is decided, scored, stored in one transaction and then answered.

Start and play are coroutines that never block the event loop: reads run in threads, decisions and writes in the thread
of `rps_core.store.group_commit`. The methods that only read are plain functions; handlers call them in threads.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeAlias

from rps_api.capture import InferenceCapture
from rps_api.clock import Clock
from rps_api.errors import PlayConflict
from rps_api.games.decision import SOURCE_MODEL, UpcomingRound, plan_round
from rps_api.games.explanation import explain_round
from rps_api.games.explanation_schemas import Explanation
from rps_api.games.idempotency import Play, answered_round, checked_key, conflict
from rps_api.games.memory import PlayerMemory
from rps_api.games.replies import by_move, features_of, game_view, habit_of, play_reply, start_reply
from rps_api.games.running import RunningGame, RunningGames
from rps_api.games.schemas import (
    GameView,
    PlayReply,
    PlayRequest,
    RoundPointsReply,
    StartGameReply,
    StartGameRequest,
)
from rps_api.inference.snapshot import Snapshot
from rps_api.logs import note
from rps_core.bundle import BundleManifest
from rps_core.errors import GameFinished, GameNotFound, RoundConflict
from rps_core.features.contract import CURRENT_CONTRACT, contract_of_game
from rps_core.features.steps import GameSteps, steps_after
from rps_core.game.families import Slot, draw_alias
from rps_core.game.gambits import draw_gambit, resolve_gambit
from rps_core.game.moves import parse_move
from rps_core.game.opponents import opponent
from rps_core.game.players import display_name_for
from rps_core.game.rules import BANKED, EXPECTED_VALUE, FIRST_STAKE
from rps_core.game.value_keys import new_key
from rps_core.settings import PlaySettings, ServiceSettings
from rps_core.store import GameStore
from rps_core.store.games import GameRound, NewRound, StoredGame
from rps_core.store.group_commit import GroupCommit
from rps_core.store.ids import new_id

DEFAULT_POLICY = "brian"
ManifestFinder: TypeAlias = Callable[[str], BundleManifest | None]


class GameService:
    """Starts and plays games; each request uses one snapshot of the served models."""

    def __init__(
        self,
        store: GameStore,
        commits: GroupCommit,
        snapshot: Callable[[], Snapshot],
        play: PlaySettings,
        services: ServiceSettings,
        clock: Clock,
        random: Random,
        capture: InferenceCapture | None,
    ) -> None:
        self._store = store
        self._commits = commits
        self._running = RunningGames()
        self._memory = PlayerMemory(store, play.remembered_games)
        self._snapshot = snapshot
        self._play = play
        self._services = services
        self._clock = clock
        self._random = random
        self._capture = capture

    async def start(self, request: StartGameRequest) -> StartGameReply:
        """Start a game.

        Raises:
            UnknownPolicy: no opponent has this name.
            StoreError: the game cannot be stored.
        """
        running = await self._new_game(request)
        game = running.game
        note(game_id=game.id)
        await asyncio.wrap_future(self._commits.submit(lambda: game))
        # The store alone knows what the bank lends to the game: its first round reads it from there.
        if game.choice_rule != BANKED:
            self._running.remember(running)
        return start_reply(game, request)

    async def _new_game(self, request: StartGameRequest) -> RunningGame:
        known_session = (request.session_id or "").strip()
        # A new session has nothing to remember.
        remembered, counts = await asyncio.to_thread(self._recall, known_session) if known_session else ((), None)
        game = self._plan_game(request, known_session, remembered)
        return RunningGame(game, GameSteps(counts))

    def _recall(self, session_id: str) -> tuple[tuple[str, ...], list[int] | None]:
        remembered = self._memory.earlier_games(session_id)
        return remembered, self._memory.counts_of(remembered)

    def _plan_game(self, request: StartGameRequest, known_session: str, remembered: tuple[str, ...]) -> StoredGame:
        chosen = opponent(request.policy or request.bot_policy or DEFAULT_POLICY)
        now = self._clock()
        game_id = new_id(now)
        session_id = known_session or new_id(now)
        alias = draw_alias(game_id, self._play.production_share(chosen.family))
        model = self._snapshot().slots.get(Slot(chosen.family, alias))
        rule = self._play.choice_rule(chosen.policy)
        value_key = new_key(self._random) if self._play.round_values == "secret" else None
        # The other rules draw the first moves one by one, each in its round.
        gambit = draw_gambit(self._random) if rule == EXPECTED_VALUE else None
        return StoredGame(
            id=game_id,
            session_id=session_id,
            player_name=display_name_for(request.player_name or request.user_name, session_id),
            player_kind=request.kind(by_name=self._play.kinds_by_name),
            policy=chosen.policy,
            family=chosen.family,
            alias=alias,
            model=None if model is None or self._play.force_model_fallbacks else model.identity,
            opening_name=None if gambit is None else gambit.name,
            opening=() if gambit is None else resolve_gambit(value_key or game_id, gambit),
            created_at=now,
            contract_version=(model.contract if model else CURRENT_CONTRACT).version,
            remembered_games=remembered,
            choice_rule=rule,
            value_key=value_key,
            stake=FIRST_STAKE if rule == BANKED and not known_session else None,
        )

    def next_points(self, game_id: str) -> RoundPointsReply:
        """Return the values of the next round.

        Raises:
            GameNotFound: no game has this id.
        """
        game = self._store.load_game(game_id)
        return RoundPointsReply(game.next_round_no, by_move(game.round_points(game.next_round_no)))

    def view(self, game_id: str) -> GameView:
        """Return a game and its rounds.

        Raises:
            GameNotFound: no game has this id.
        """
        game = self._store.load_game(game_id)
        return game_view(game, self._habit(game))

    def recent(self, game_id: str, limit: int) -> list[PlayReply]:
        """Return the replies to the last rounds, newest last.

        Raises:
            GameNotFound: no game has this id.
        """
        game = self._store.load_game(game_id)
        rounds = self._store.load_rounds(game_id)[-limit:]
        counts = self._memory.counts_of(game.remembered_games)
        habit = habit_of(game, counts)
        return [play_reply(game, played, features_of(game, played, counts), habit) for played in rounds]

    def explain(self, game_id: str, round_no: int, find_manifest: ManifestFinder) -> Explanation:
        """Explain one round.

        Raises:
            GameNotFound: no game has this id.
            NotFound: the round has not been played.
        """
        game = self._store.load_game(game_id)
        return explain_round(
            game,
            self._store.load_rounds(game_id),
            round_no,
            remembered=self._memory.counts_of(game.remembered_games),
            services=self._services,
            find_model=self._snapshot().find,
            find_manifest=find_manifest,
        )

    async def play(self, request: PlayRequest, idempotency_key: str | None = None) -> PlayReply:
        """Play one round, or repeat the reply to a repeated request. Requests for one game run one after the other.

        Raises:
            InvalidMove: the move is not rock, paper or scissors.
            GameNotFound: no game has this id.
            PlayConflict: the game is finished, another request was faster, or the round is not the next one.
            StoreError: the round cannot be stored; it was not played.
        """
        play = Play(request.game_id, parse_move(request.user_move), request.round, checked_key(idempotency_key))
        async with self._running.turn(play.game_id):
            remembered = self._running.get(play.game_id)
            if remembered is not None:
                try:
                    return await self._play_on(remembered, play)
                except (PlayConflict, RoundConflict, GameFinished, GameNotFound):
                    # Another process may have played this game: decide again from the store.
                    self._running.forget(play.game_id)
            return await self._play_on_stored(play)

    async def _play_on_stored(self, play: Play) -> PlayReply:
        try:
            return await self._play_on(await self._load(play.game_id), play)
        except (RoundConflict, GameFinished) as error:
            game = (await self._load(play.game_id)).game
            answered = answered_round(game, play)
            if answered is None:
                raise conflict(game, str(error)) from error
            return await self._repeat(game, answered)

    async def _play_on(self, running: RunningGame, play: Play) -> PlayReply:
        game = running.game
        note(game_id=game.id)
        answered = answered_round(game, play)
        if answered is not None:
            return await self._repeat(game, answered)
        if game.finished_at is not None:
            raise conflict(game, f"game {game.id} is finished; start a new game")
        upcoming = UpcomingRound(game, running.known)
        features = upcoming.features(contract_of_game(game.contract_version))
        written = self._commits.submit(lambda: GameRound(game, self._plan_round(game, upcoming, play)))
        new = (await asyncio.wrap_future(written)).new
        after = running.after(new)
        self._running.remember(after)
        if self._capture is not None:
            self._capture.record(game, new, upcoming.seen)
        _note_model(game, new)
        habit = await asyncio.to_thread(self._habit, after.game) if new.outcome.finished else None
        return play_reply(game, new.stored, features, habit)

    def _plan_round(self, game: StoredGame, upcoming: UpcomingRound, play: Play) -> NewRound:
        return plan_round(
            game,
            upcoming,
            play,
            self._snapshot(),
            now=self._clock(),
            draw=self._random.random,
            forced_fallback=self._play.force_model_fallbacks,
        )

    async def _load(self, game_id: str) -> RunningGame:
        return await asyncio.to_thread(self._read, game_id)

    def _read(self, game_id: str) -> RunningGame:
        game = self._store.load_game(game_id)
        return RunningGame(game, steps_after(game.rounds, self._memory.counts_of(game.remembered_games)))

    def _habit(self, game: StoredGame) -> str | None:
        return habit_of(game, self._memory.counts_of(game.remembered_games))

    async def _repeat(self, game: StoredGame, round_no: int) -> PlayReply:
        rounds = await asyncio.to_thread(self._store.load_rounds, game.id)
        counts = await asyncio.to_thread(self._memory.counts_of, game.remembered_games)
        played = rounds[round_no - 1]
        return play_reply(game, played, features_of(game, played, counts), habit_of(game, counts))


def _note_model(game: StoredGame, played: NewRound) -> None:
    """Add the model that chose the bot's move to the log line; openings and random moves have none."""
    model = played.model or game.model
    if played.probability_source == SOURCE_MODEL and model is not None:
        note(model_version=model.version, run_id=model.run_id)
