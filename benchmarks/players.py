"""Conversations with the API: players play one game after the other until their time is over."""

import json
import time
from random import Random

from benchmarks.wire import Conversation, Request
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import MOVES
from rps_core.game.opponents import POLICIES

START, OPENING, PLAY = "start_game", "play (opening)", "play"


def player(seed: int, deadline: float) -> Conversation:
    """Play until `deadline` (of `time.perf_counter`); rounds in which models choose are recorded as `PLAY`."""
    random = Random(seed)
    while True:
        policy = POLICIES[random.randrange(len(POLICIES))]
        body = {"player_name": f"Nora {seed}", "policy": policy}
        reply = yield Request(START, "POST", "/start_game", json.dumps(body).encode())
        if reply.status != 200:
            return
        game = reply.json()["game_id"].encode()
        round_no, finished = 1, False
        while not finished:
            move = random.choice(MOVES).encode()
            name = PLAY if round_no >= FIRST_POLICY_ROUND else OPENING
            reply = yield Request(name, "POST", "/play", b'{"game_id":"%b","user_move":"%b"}' % (game, move))
            if reply.status != 200:
                return
            finished = b'"finished":true' in reply.body
            round_no += 1
            if time.perf_counter() > deadline:
                return


def asker(seed: int, deadline: float, name: str, request: Request) -> Conversation:
    """Repeat a request until `deadline`; `seed` is unused, but keeps the signature of a player."""
    del seed
    while time.perf_counter() < deadline:
        reply = yield request._replace(name=name)
        if reply.status != 200:
            return
