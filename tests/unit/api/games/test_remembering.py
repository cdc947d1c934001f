"""A game remembers what its player did in earlier games; bundles of two contracts are served together."""

from typing import Any

import pytest
from sqlalchemy import select, text, update

from rps_core.features.contract import CONTRACT_V2, CONTRACT_V3
from rps_core.features.rows import features_of_round
from rps_core.features.steps import person_counts
from rps_core.game.families import ALIASES, SLOTS
from rps_core.store.schema import games
from tests.builders.models import reading_features
from tests.unit.api.conftest import Start, Table

SESSION = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def remembering(open_table: Start) -> Table:
    """An application whose twelve models read contract 3."""
    opened = open_table(ab_split_ratio=1.0, plays_per_minute=0)
    opened.registry.fill_all(contract=CONTRACT_V3)
    opened.served.refresh()
    return opened


def features_by_name(table: Table, reply: dict[str, Any]) -> dict[str, float]:
    path = f"/games/{reply['game_id']}/rounds/{reply['round']}/explanation"
    return dict(table.client.get(path).raise_for_status().json()["features"])


def finished_game(table: Table, seed: int, **body: Any) -> str:
    game_id = str(table.start(policy="forrest", session_id=SESSION, **body)["game_id"])
    table.play_to_the_end(game_id, seed)
    return game_id


def test_a_game_remembers_the_finished_games_of_its_session_newest_first_and_nothing_else(
    remembering: Table, open_table: Start
) -> None:
    first, second = (finished_game(remembering, seed) for seed in (1, 2))
    running = remembering.start(policy="forrest", session_id=SESSION)
    assert remembering.start(policy="forrest", session_id="someone-else")["remembered_games"] == 0
    started = remembering.start(policy="forrest", session_id=SESSION)
    assert started["remembered_games"] == 2
    game_id = started["game_id"]
    # These end after the game has started, so it does not remember them.
    remembering.play_to_the_end(running["game_id"])
    assert remembering.game_row(game_id).remembered_games == f'["{second}", "{first}"]'
    replies = [remembering.play(game_id, move) for move in ("paper", "rock", "rock", "scissors", "rock")]

    counts = person_counts(remembering.store.load_game(other).rounds for other in (first, second))
    rounds = remembering.store.load_game(game_id).rounds
    for reply in replies:
        no = reply["round"]
        seen = features_of_round(CONTRACT_V3, rounds[: no - 1], rounds[no - 1].points, remembered=counts)
        assert reply["debug"]["features"] == seen
        assert list(features_by_name(remembering, reply).values()) == seen
    forgetful = features_of_round(CONTRACT_V3, rounds[:4], rounds[4].points)
    assert replies[-1]["debug"]["features"] != forgetful
    # A restarted process, a repeated request and the history answer with the same bytes.
    body = {"game_id": game_id, "user_move": "rock", "round": 5}
    again = remembering.client.post("/play", json=body)
    restarted = open_table(ab_split_ratio=1.0, plays_per_minute=0)
    assert restarted.client.post("/play", json=body).content == again.content
    assert restarted.client.get("/recent", params={"game_id": game_id, "limit": 1}).json()[-1] == replies[-1]
    path = f"/games/{game_id}/rounds/5/explanation"
    explanation = remembering.client.get(path).json()
    assert (explanation["model"]["reproduced"], explanation["remembered_games"]) == (True, 2)
    assert any(" you " in habit for habit in explanation["habits"])
    assert remembering.client.get(f"/games/{game_id}").json()["remembered_games"] == 2
    # The habit at the end counts the remembered games too.
    while not replies[-1]["finished"]:
        replies.append(remembering.play(game_id, "rock"))
    assert {reply["habit"] for reply in replies[:-1]} == {None}
    assert replies[-1]["habit"].startswith("One habit to work on: ")
    assert replies[-1]["habit"].endswith(" times in your last 3 games.")
    assert remembering.client.get(f"/games/{game_id}").json()["habit"] == replies[-1]["habit"]
    assert remembering.client.get("/recent", params={"game_id": game_id}).json()[-1] == replies[-1]


def test_the_number_of_remembered_games_is_a_setting(open_table: Start) -> None:
    one, none = open_table(remembered_games=1, plays_per_minute=0), open_table(remembered_games=0, plays_per_minute=0)
    games_played = [finished_game(one, seed) for seed in (1, 2)]
    started = one.start(session_id=SESSION)["game_id"]
    assert one.game_row(started).remembered_games == f'["{games_played[-1]}"]'
    assert none.start(session_id=SESSION)["remembered_games"] == 0


def test_a_round_that_cannot_be_stored_teaches_the_running_game_nothing(remembering: Table) -> None:
    game_id = remembering.start(policy="forrest", session_id=SESSION)["game_id"]
    remembering.play_rounds(game_id, 4)
    with remembering.engine.begin() as connection:
        connection.execute(text("CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END"))
    assert remembering.try_play(game_id, "scissors").status_code >= 400
    with remembering.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER refuse"))
    reply = remembering.play(game_id, "paper")
    rounds = remembering.store.load_game(game_id).rounds
    assert reply["debug"]["features"] == features_of_round(CONTRACT_V3, rounds[:4], rounds[4].points)


def test_each_model_sees_the_features_of_its_contract_and_old_replies_stay_as_they_were(table: Table) -> None:
    """Production reads contract 2, the other slots are trained again on contract 3, then Production is, too."""
    entries = table.registry.fill_all(first=21, contract=CONTRACT_V2)
    table.served.refresh()
    old = table.start(policy="forrest")["game_id"]
    first = table.play_rounds(old, 4)
    newer = [
        table.registry.version(slot, 50 + place, reading_features(50 + place, CONTRACT_V3), CONTRACT_V3)
        for place, slot in enumerate(SLOTS)
    ]
    mixed = [entry if entry.alias == "Production" else newer[place] for place, entry in enumerate(entries)]
    table.registry.synchronise(mixed)
    table.served.refresh(force=True)
    assert set(table.play(old, "paper")["debug"]["alias_predictions"]) == set(ALIASES)
    both = table.start(policy="forrest")["game_id"]
    table.play_rounds(both, 5)
    table.registry.synchronise(newer)
    table.served.refresh(force=True)
    third = table.start(policy="forrest")["game_id"]
    reply = table.play_rounds(third, 5)
    assert len(reply["debug"]["features"]) == 75
    assert reply["debug"]["feature_count"] == 75
    versions = [table.game_row(game_id).contract_version for game_id in (old, both, third)]
    assert versions == [2, 2, 3]
    repeated = table.play(old, "rock", round=4)
    assert repeated == first
    for game_id, length in ((old, 50), (both, 50), (third, 75)):
        found = table.client.get(f"/games/{game_id}/rounds/5/explanation").json()
        assert (len(found["features"]), found["model"]["reproduced"]) == (length, True)
        assert found["feature_contract"] == f"rps-features v{3 if length == 75 else 2}"
    # A game of an earlier release stores no contract.
    with table.engine.begin() as connection:
        connection.execute(update(games).where(games.c.id == old).values(contract_version=None))
    assert table.client.get("/recent", params={"game_id": old, "limit": 2}).json()[0] == first
    assert table.row(select(games.c.contract_version).where(games.c.id == old)).contract_version is None
