"""`/export`: formats, pages, privacy, and importing the file again."""

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_cli.importers.columns import known_as
from rps_core.store import GameStore
from tests.builders.games import new_game, play_to_the_end
from tests.unit.api.analytics.conftest import OPERATOR

Start = Callable[..., TestClient[Litestar]]

# Columns of the original, and the columns that an import needs to restore every value.
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


def test_json_has_every_column_and_the_newest_round_first(client: TestClient[Litestar], store: GameStore) -> None:
    found = client.get("/export").json()
    rounds = [*store.load_game("game-1").rounds, *store.load_game("game-2").rounds]
    assert found["format"] == "json"
    assert found["count"] == len(found["data"]) == len(rounds)
    assert set(found["data"][0]) >= {*ORIGINAL.split(), *NEEDED.split()}
    assert [row["player_move"] for row in found["data"]] == [played.user_move for played in reversed(rounds)]


def test_csv_has_the_same_rounds_as_json(client: TestClient[Litestar]) -> None:
    response = client.get("/export", params={"format": "csv"})
    assert response.headers["content-type"].startswith("text/csv")
    assert 'filename="rounds.csv"' in response.headers["content-disposition"]
    rows, data = csv_rows(response.text), client.get("/export").json()["data"]
    assert [row["player_name"] for row in rows] == [row["player_name"] for row in data]
    assert [float(row["user_score"]) for row in rows] == [row["user_score"] for row in data]
    assert {row["easy_mode"] for row in rows} == {"false"}


def test_parquet_has_the_same_rounds_as_json(client: TestClient[Litestar]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    response = client.get("/export", params={"format": "parquet"})
    rows = parquet.read_table(io.BytesIO(response.content)).to_pylist()
    data = client.get("/export").json()["data"]
    assert list(rows[0]) == list(data[0])
    assert [(row["round_no"], row["rock_pts"], row["player_name"]) for row in rows] == [
        (row["round_no"], row["rock_pts"], row["player_name"]) for row in data
    ]


def test_without_its_library_parquet_is_rejected_with_a_hint(
    client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    response = client.get("/export", params={"format": "parquet"})
    assert response.status_code == 501
    assert "pip install" in response.json()["detail"]


def test_pages_link_to_each_other_and_join_without_gaps(client: TestClient[Litestar]) -> None:
    everything = client.get("/export").json()["data"]
    joined: list[Any] = []
    target = "/export?limit=7"
    while True:
        response = client.get(target)
        joined += response.json()["data"]
        if "link" not in response.headers:
            break
        target, _, relation = response.headers["link"].partition("; ")
        assert relation == 'rel="next"'
        target = target.strip("<>")
    assert joined == everything


def test_portions_join_to_a_page(client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch) -> None:
    formats = ("json", "csv")
    whole = [client.get("/export", params={"format": name}).text for name in formats]
    monkeypatch.setattr("rps_core.store.analytics.listing.EXPORT_ROWS_AT_A_TIME", 3)
    assert [client.get("/export", params={"format": name}).text for name in formats] == whole


@pytest.mark.parametrize("file_format", ["json", "csv", "parquet"])
def test_only_operators_get_sessions(client: TestClient[Litestar], file_format: str) -> None:
    params = {"format": file_format, "include_sessions": "true"}
    assert b"session-1" not in client.get("/export", params={"format": file_format}).content
    rejected = client.get("/export", params=params)
    assert rejected.status_code == 401
    assert b"session-1" not in rejected.content
    assert client.get("/export", params=params, headers=OPERATOR).status_code == 200


def test_operators_get_sessions_on_each_page(client: TestClient[Litestar]) -> None:
    response = client.get("/export", params={"limit": 2, "include_sessions": "true"}, headers=OPERATOR)
    assert {row["session_id"] for row in response.json()["data"]} == {"session-1"}
    assert "include_sessions=true" in response.headers["link"]


def test_an_import_reads_every_column_of_the_export(client: TestClient[Litestar]) -> None:
    header = client.get("/export", params={"format": "csv", "limit": 1}).text.splitlines()[0].split(",")
    assert [name for name in header if known_as(name) is None] == []


def test_exported_games_can_be_imported_unchanged(
    client: TestClient[Litestar], store: GameStore, tmp_path: Path
) -> None:
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
