"""`rps evaluate` on recordings of people, with real graphs in a real cache."""

import json
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from rps_cli.app import app
from rps_cli.evaluation.recordings import feature_row, seen_rounds
from rps_cli.importers import read_games
from rps_cli.importers.recordings import cut_recording
from rps_core.features.contract import CONTRACT_V2, CONTRACT_V3
from rps_core.game.moves import MOVES
from tests.builders.models import TestRegistry, expecting

runner = CliRunner()
KEYS = (
    *("family", "alias", "version", "window", "rounds", "people", "accuracy", "accuracy_low", "accuracy_high"),
    *("log_loss", "best_reply_score"),
)
PEOPLE = ("ada", "ben", "cid", "dee")
NO_MOVE_IN = 8


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Recordings of four people: the more letters of the alphabet before the name, the less rock."""
    random = Random(4)
    lines = ["game_id,round,player_id,player_move,opponent_move,opponent_kind"]
    for number, person in enumerate(PEOPLE):
        for round_no in range(1, 46):
            own = random.choices(MOVES, [6 - number, 2, 2])[0] if round_no != NO_MOVE_IN else "none"
            lines.append(f"r{number},{round_no},{person},{own},{random.choice(MOVES)},markov")
    file = tmp_path / "people.csv"
    file.write_text("\n".join(lines))
    return file


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATA_PATH", str(tmp_path / "data"))
    return tmp_path / "data"


def shares_of_rock(file: Path, first: int, last: int) -> list[float]:
    games, _ = read_games(file)
    shares = []
    for game in games:
        moves = [
            played.user_move
            for played in game.rounds
            if first <= played.round_no <= last and played.user_move != "none"
        ]
        shares.append(moves.count("rock") / len(moves))
    return shares


def test_served_models_are_measured_by_window_and_nothing_is_stored(recordings: Path, data: Path) -> None:
    TestRegistry.in_folder(data / "model_cache").fill_all(graph=expecting(0))
    picture = recordings.with_name("accuracy.png")
    done = runner.invoke(app, ["evaluate", str(recordings), "--json", "--plot", str(picture)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert "Replay flatters" in done.stderr
    assert {tuple(one) for one in found} == {KEYS}
    assert len(found) == 12 * 4
    assert [one["window"] for one in found[:4]] == ["1-3", "4-12", "13-30", "4-30"]
    (one,) = [one for one in found if (one["family"], one["alias"], one["window"]) == ("xgboost", "B", "4-30")]
    shares = shares_of_rock(recordings, 4, 30)
    assert (one["people"], one["rounds"]) == (4, 4 * 27 - 4)
    assert one["accuracy"] == pytest.approx(sum(shares) / 4)
    assert min(shares) <= one["accuracy_low"] < one["accuracy"] < one["accuracy_high"] <= max(shares)
    # Paper answers rock: it wins against rock, and loses against scissors.
    assert one["best_reply_score"] == pytest.approx(one["accuracy"] - share_of(recordings, "scissors"))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert not (data / "rps.db").exists()


def share_of(file: Path, move: str) -> float:
    games, _ = read_games(file)
    moves = [[each.user_move for each in game.rounds[3:30] if each.user_move != "none"] for game in games]
    return sum(played.count(move) / len(played) for played in moves) / len(moves)


def test_the_table_says_that_replay_flatters(recordings: Path, data: Path) -> None:
    TestRegistry.in_folder(data / "model_cache").fill_all(graph=expecting(0))
    done = runner.invoke(app, ["evaluate", str(recordings)])
    assert "xgboost@Production version" in done.stdout
    assert "Replay flatters" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("people.csv",), "holds no model; run `rps train`"),
        (("people.csv", "--model", "xgboost"), "names no version; write it like xgboost=12"),
        (("people.csv", "--model", "tree=3"), "unknown model family 'tree'"),
        (("missing.csv",), "missing.csv does not exist"),
        (("people.csv", "--plot", "people.csv"), "exists already"),
    ],
)
def test_what_cannot_be_evaluated_is_one_sentence(
    recordings: Path, data: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(recordings.parent)
    if "missing.csv" in arguments:
        TestRegistry.in_folder(data / "model_cache").fill_all(graph=expecting(0))
    done = runner.invoke(app, ["evaluate", *arguments])
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.output


def test_scores_and_round_numbers_start_again_where_an_import_cuts_and_counts_go_on(recordings: Path) -> None:
    (game, *_), _ = read_games(recordings)
    seen = list(seen_rounds(game.rounds, is_classic=True))
    firsts = {piece.first_round for piece in cut_recording(game.rounds)}
    assert firsts > {1, NO_MOVE_IN + 1}
    played = {each.recorded_no: each for each in seen}
    assert set(played) == set(range(1, 46)) - {NO_MOVE_IN}
    for version, columns, number in ((3, CONTRACT_V3.columns, "round_no"), (2, CONTRACT_V2.columns, "step_no")):
        rows = {each.recorded_no: named(feature_row(each, version), columns) for each in seen}
        starts = {recorded_no for recorded_no, row in rows.items() if row[number] == 1}
        assert starts == firsts
        assert {(rows[first]["score_diff"], rows[first]["user_pts_to_win"]) for first in firsts} == {(0.0, 10.0)}
    rows = {each.recorded_no: named(feature_row(each, 3), CONTRACT_V3.columns) for each in seen}
    assert rows[45]["after_result_seen"] > 10
    assert all(row["same_move_run"] >= 1 for recorded_no, row in rows.items() if recorded_no > 1)


def named(row: list[float], columns: tuple[str, ...]) -> dict[str, float]:
    return dict(zip(columns, row, strict=True))
