"""`/export`: three formats, pages, privacy, and the way back in."""

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_cli.importers.columns import map_columns
from rps_core.store import GameStore
from tests.builders.games import new_game, play_to_the_end
from tests.unit.api_analytics.conftest import OPERATOR

Start = Callable[..., TestClient[Litestar]]

# What the original exported, and what an import needs to bring the rounds back without a loss.
ORIGINAL = "game_id player_move bot_move result bot_policy model_alias easy_mode session_id player_name event_ts"
NEEDED = (
    "round_no rock_pts paper_pts scissors_pts user_score bot_score player_kind created_at model_version model_run_id "
    "opening_name opening_seq probability_source origin"
)


@pytest.fixture
def client(store: GameStore, start: Start) -> TestClient[Litestar]:
    play_to_the_end(store, new_game(player_name='Anna "Ann", 2nd'))
    play_to_the_end(store, new_game("game-2"), seed=2)
    return start()


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_json_holds_every_column_and_the_newest_round_first(client: TestClient[Litestar], store: GameStore) -> None:
    found = client.get("/export").json()
    rounds = [*store.load_game("game-1").rounds, *store.load_game("game-2").rounds]
    assert found["format"] == "json"
    assert found["count"] == len(found["data"]) == len(rounds)
    assert set(found["data"][0]) >= {*ORIGINAL.split(), *NEEDED.split()}
    assert [row["player_move"] for row in found["data"]] == [one.user_move for one in reversed(rounds)]


def test_csv_is_csv_and_says_the_same(client: TestClient[Litestar]) -> None:
    answer = client.get("/export", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="rounds.csv"' in answer.headers["content-disposition"]
    rows, data = csv_rows(answer.text), client.get("/export").json()["data"]
    assert [row["player_name"] for row in rows] == [row["player_name"] for row in data]
    assert [float(row["user_score"]) for row in rows] == [row["user_score"] for row in data]
    assert {row["easy_mode"] for row in rows} == {"false"}


def test_parquet_says_the_same(client: TestClient[Litestar]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    answer = client.get("/export", params={"format": "parquet"})
    rows = parquet.read_table(io.BytesIO(answer.content)).to_pylist()
    data = client.get("/export").json()["data"]
    assert list(rows[0]) == list(data[0])
    assert [(row["round_no"], row["rock_pts"], row["player_name"]) for row in rows] == [
        (row["round_no"], row["rock_pts"], row["player_name"]) for row in data
    ]


def test_parquet_without_its_library_is_refused_with_what_to_install(
    client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    answer = client.get("/export", params={"format": "parquet"})
    assert answer.status_code == 501
    assert "pip install" in answer.json()["detail"]


def test_pages_lead_to_each_other_and_join_without_gap(client: TestClient[Litestar]) -> None:
    everything = client.get("/export").json()["data"]
    joined: list[Any] = []
    target = "/export?limit=7"
    while True:
        answer = client.get(target)
        joined += answer.json()["data"]
        if "link" not in answer.headers:
            break
        target, _, relation = answer.headers["link"].partition("; ")
        assert relation == 'rel="next"'
        target = target.strip("<>")
    assert joined == everything


def test_portions_join_within_a_page(client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch) -> None:
    formats = ("json", "csv")
    whole = [client.get("/export", params={"format": one}).text for one in formats]
    monkeypatch.setattr("rps_core.store.analytics.listing.EXPORT_ROWS_AT_A_TIME", 3)
    assert [client.get("/export", params={"format": one}).text for one in formats] == whole


@pytest.mark.parametrize("wanted", ["json", "csv", "parquet"])
def test_sessions_are_told_to_operators_alone(client: TestClient[Litestar], wanted: str) -> None:
    params = {"format": wanted, "include_sessions": "true"}
    assert b"session-1" not in client.get("/export", params={"format": wanted}).content
    refused = client.get("/export", params=params)
    assert refused.status_code == 401
    assert b"session-1" not in refused.content
    assert client.get("/export", params=params, headers=OPERATOR).status_code == 200


def test_operators_get_sessions_on_each_page(client: TestClient[Litestar]) -> None:
    answer = client.get("/export", params={"limit": 2, "include_sessions": "true"}, headers=OPERATOR)
    assert {row["session_id"] for row in answer.json()["data"]} == {"session-1"}
    assert "include_sessions=true" in answer.headers["link"]


def test_an_import_reads_every_column_of_the_export(client: TestClient[Litestar]) -> None:
    header = client.get("/export", params={"format": "csv", "limit": 1}).text.splitlines()[0].split(",")
    assert map_columns(header).ignored == ()


def test_exported_games_come_back_as_they_were(client: TestClient[Litestar], store: GameStore, tmp_path: Path) -> None:
    from rps_cli.importers import import_rounds
    from rps_core.store import open_engine, upgrade_store

    file = tmp_path / "rounds.csv"
    params = {"format": "csv", "limit": 10_000, "include_sessions": "true"}
    file.write_bytes(client.get("/export", params=params, headers=OPERATOR).content)
    engine = open_engine(f"sqlite:///{tmp_path}/other.db")
    upgrade_store(engine)
    import_rounds(engine, file)
    for game_id in ("game-1", "game-2"):
        assert GameStore(engine).load_game(game_id) == store.load_game(game_id)
    engine.dispose()
