"""Files of recorded rounds as Excel, R, pandas and studies write them."""

import gzip
import io
import json
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from rps_cli.app import app
from rps_cli.importers import import_rounds, read_options
from rps_core.errors import DataFileError
from rps_core.store.schema import events, games

# The player's and the opponent's moves of eight rounds; the opponent always repeats itself.
PLAYED = "rpsprspr"
BOT = "rrrrrrrr"
WORDS = {"r": "rock", "p": "paper", "s": "scissors"}
RESULT = {"r": "draw", "p": "win", "s": "lose"}
HEADER = "game_id,round,player_move,bot_move"


def lines(
    mark: str = ",", header: str = HEADER, *, words: dict[str, str] = WORDS, first: int = 1, end: str = ""
) -> str:
    """Eight rounds as CSV."""
    rows = [f"g{mark}{number}{mark}{words[move]}{mark}{words['r']}{end}" for number, move in enumerate(PLAYED, first)]
    return "\n".join([header.replace(",", mark) + end, *rows]) + "\n"


def frame(**columns: Any) -> pandas.DataFrame:
    """Eight rounds as a study writes them."""
    moves = [WORDS[move] for move in PLAYED]
    ours = {"game_id": "g", "round": range(1, 9), "player_move": moves, "bot_move": "rock"}
    return pandas.DataFrame(ours | columns)


def parquet(table: pandas.DataFrame | pyarrow.Table, **options: Any) -> bytes:
    written = io.BytesIO()
    if isinstance(table, pandas.DataFrame):
        table.to_parquet(written, **options)
    else:
        pyarrow.parquet.write_table(table, written, **options)
    return written.getvalue()


def typed(**kinds: pyarrow.DataType) -> bytes:
    table = pyarrow.Table.from_pandas(frame(event_ts=pandas.Timestamp("2026-03-01 10:00")), preserve_index=False)
    for name, kind in kinds.items():
        values = table[name].cast(kind) if not pyarrow.types.is_duration(kind) else pyarrow.nulls(8, kind)
        table = table.set_column(table.column_names.index(name), name, values)
    return parquet(table)


def stored_moves(engine: Engine) -> dict[str, str]:
    """The player's moves of each stored game as letters."""
    with engine.connect() as connection:
        query = select(events.c.game_id, events.c.user_move, events.c.bot_move).order_by(
            events.c.game_id, events.c.step_no
        )
        found: dict[str, str] = {}
        for game_id, user_move, bot_move in connection.execute(query):
            assert bot_move == "rock"
            found[game_id] = found.get(game_id, "") + user_move[0]
    return found


SPANISH = {"r": "piedra", "p": "papel", "s": "tijera"}
GERMAN = {"r": "Stein", "p": "Papier", "s": "Schere"}
FRENCH = {"r": "Pierre", "p": "Feuille", "s": "Ciseaux"}
PORTUGUESE = {"r": "pedra", "p": "papel", "s": "tesoura"}
R_HEADER = '"game_id" "round" "player_move" "bot_move"\n'
DIRECT: dict[str, bytes] = {
    "excel.csv": lines(";").encode("utf-8-sig"),
    "excel-windows.csv": lines(";", HEADER + ",straße").replace("\n", "\r\n").encode("cp1252"),
    "old-mac.csv": lines(";").replace("\n", "\r").encode(),
    "sep.csv": ("sep=;\n" + lines(";")).encode(),
    "tabs.txt": lines("\t").encode(),
    "unicode-text.txt": lines("\t").encode("utf-16"),
    "utf-16-without-mark.txt": lines("\t").encode("utf-16-le"),
    "latin.csv": lines(",", HEADER + ",Größe").encode("latin-1"),
    "trailing-commas.csv": lines(end=",").encode(),
    "trailing-commas-in-rows.csv": lines(end=",").replace(HEADER + ",", HEADER).encode(),
    "blank-lines-and-comments.csv": ("# a study\n\n" + lines()).encode(),
    "bars.csv": lines("|").encode(),
    "names.csv": lines(header="Game ID,Round No,playerMove,Bot.Move").encode(),
    "r-write.csv": ('"","game_id","round","player_move","bot_move"\n' + "".join(
        f'"{n}","g",{n},"{WORDS[move]}","rock"\n' for n, move in enumerate(PLAYED, 1))).encode(),
    "r-write-table.txt": (R_HEADER + "".join(
        f'"{n}" "g" {n} "{WORDS[move]}" "rock"\n' for n, move in enumerate(PLAYED, 1))).encode(),
    "pandas.csv": frame().to_csv().encode(),
    "pandas-floats.csv": frame(game_id=7.0, round=[float(n) for n in range(1, 9)]).to_csv(index=False).encode(),
    "zero.csv": lines(first=0).encode(),
    "letters.csv": lines(words={"r": "R", "p": "P", "s": "S"}).encode(),
    "spanish.csv": lines(words=SPANISH).encode(),
    "german.csv": lines(";", words=GERMAN).encode("utf-16"),
    "french.csv": lines(words=FRENCH).encode(),
    "portuguese.csv": lines(words=PORTUGUESE).encode(),
    "emoji.csv": lines(words={"r": "✊", "p": "✋", "s": "✌️"}).encode(),
    "named-codes.csv": lines(
        header="game_id,round,player_move,bot_move,0=rock 1=paper 2=scissors", words={"r": "0", "p": "1", "s": "2"}
    ).encode(),
    "packed.csv.gz": gzip.compress(lines().encode()),
    "packed.parquet.gz": gzip.compress(parquet(frame())),
    "records.json": frame().to_json(orient="records").encode(),
    "columns.json": frame().to_json().encode(),
    "lists.json": json.dumps(frame().to_dict("list")).encode(),
    "split.json": frame().to_json(orient="split").encode(),
    "table.json": frame().to_json(orient="table").encode(),
    "lines.ndjson": frame().to_json(orient="records", lines=True).encode(),
    "nested.json": json.dumps(
        {"games": [{"game_id": "g", "rounds": frame().drop(columns="game_id").to_dict("records")}]}
    ).encode(),
    "pandas.parquet": parquet(frame().set_index("round")),
    "categories.parquet": parquet(frame().astype({"player_move": "category", "game_id": "category"})),
    "int96.parquet": parquet(
        frame(event_ts=pandas.Timestamp("2026-03-01 10:00")), use_deprecated_int96_timestamps=True
    ),
    "nanoseconds.parquet": parquet(frame(event_ts=pandas.Timestamp("2026-03-01 10:00:00.123456789").as_unit("ns"))),
    "views.parquet": typed(player_move=pyarrow.string_view(), bot_move=pyarrow.binary_view()),
    "bytes.parquet": typed(player_move=pyarrow.binary(), game_id=pyarrow.large_binary()),
    "zones.parquet": typed(event_ts=pyarrow.timestamp("ns", tz="Mars/Olympus")),
    "decimals.parquet": typed(round=pyarrow.decimal128(24, 2)),
    "durations.parquet": typed(event_ts=pyarrow.duration("ns")),
    "times.parquet": typed(event_ts=pyarrow.date32()),
    "wide-decimals.parquet": typed(round=pyarrow.decimal256(50, 2)),
    "numpy.csv": ("# a study\n# " + lines()).encode(),
    "aligned.txt": frame().to_string(index=False).encode(),
    "r-print.txt": frame().rename(index=lambda at: at + 1).to_string().encode(),
    "quotes.csv": lines(words={"r": "'Rock'", "p": "“paper”", "s": "«scissors»"}).encode(),
    "quotes-after-blanks.csv": lines(words={"r": ' "rock"', "p": ' "paper"', "s": ' "scissors"'}).encode(),
    "excel-texts.csv": lines(words={"r": '="rock"', "p": '="paper"', "s": '="scissors"'}).replace(
        "\ng,1,", '\ng,="1",').encode(),
    "exclaimed.csv": lines(words={"r": "Rock!", "p": "(paper)", "s": "scissors."}).encode(),
    "numbered.csv": lines(words={"r": "1. rock", "p": "2) paper", "s": "3 - scissors"}).encode(),
    "skin.csv": lines(words={"r": "✊🏽", "p": "🖐\ufe0f", "s": "✌🏿"}).encode(),
    "invisible.csv": lines(words={"r": "\u200brock", "p": "paper\u200b", "s": "scissors"}).encode(),
    "rows.json": json.dumps({"columns": list(frame()), "data": frame().to_dict("records")}).encode(),
    "holes.json": json.dumps({"note": {"0": "x"}, **json.loads(frame().to_json())}).encode(),
    "people.json": json.dumps({"players": [{"player": "ann"}], "rounds": frame().to_dict("records")}).encode(),
    "blank-ids.csv": frame(game_id=None, session_id=None).to_csv(index=False).encode(),
    "blank-ids.parquet": parquet(frame(game_id=None, session_id=float("nan"))),
    "blank-rounds.csv": frame(round=None).to_csv(index=False).encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", DIRECT)
def test_a_file_of_any_usual_form_is_read(sqlite_store: Engine, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(DIRECT[name])
    report = import_rounds(sqlite_store, tmp_path / name)
    assert list(stored_moves(sqlite_store).values()) == [PLAYED], (report.understood, report.skipped)
    assert report.is_whole
    assert shlex.split(report.command or "")[:2] == ["rps", "import-rounds"]


def long(who: str, player: Any, bot: Any, **more: Any) -> str:
    """Two rows for each round, the bot's first."""
    rows = []
    for number, move in enumerate(PLAYED, 1):
        row = {"game": 7, "trial": number, **more}
        rows += [row | {who: bot, "move": "rock"}, row | {who: player, "move": WORDS[move]}]
    return pandas.DataFrame(rows).to_csv(index=False)


def study(**columns: Any) -> pandas.DataFrame:
    """Eight rounds under other names."""
    names = {"game_id": "subject", "round": "trial", "player_move": "choice", "bot_move": "computer"}
    return frame(**columns).rename(columns=names)


CODES = {"r": "1", "p": "2", "s": "3"}
NUMBERS = [int(CODES[move]) for move in PLAYED]
RESULTS = [RESULT[move] for move in PLAYED]
WINNERS = {"win": "human", "lose": "computer", "draw": "tie"}
EPOCH = 1_772_359_200
# How a study writes its rounds, and the options of the command that imports them.
GUESSED: dict[str, tuple[str, str]] = {
    "study.csv": (study().to_csv(), "--map player_move=choice,bot_move=computer,round=trial,session_id=subject"),
    "camel.csv": (lines(header="matchId,trialIndex,humanChoice,computerChoice"), "--map"),
    "spanish.csv": (lines(";", "partida,ronda,jugador,computadora", words=SPANISH), "--map"),
    "german.csv": (lines(";", "Spiel,Runde,Zug Spieler,Zug Computer", words=GERMAN), "--map"),
    "french.csv": (lines(";", "partie,manche,coup joueur,coup ordinateur", words=FRENCH), "--map"),
    "portuguese.csv": (lines(";", "jogo,rodada,jogada do jogador,jogada do computador", words=PORTUGUESE), "--map"),
    "players.csv": (lines(header="match,turn,p1,p2"), "--map"),
    "odd, name.csv": (lines(header='game_id,round,"choice, final",bot_move').replace("final", "played"), "--map"),
    "numbers.csv": (
        frame(player_move=NUMBERS, bot_move=1, result=RESULTS).to_csv(index=False),
        "--moves 1=rock,2=paper,3=scissors",
    ),
    "turned.csv": (
        frame(
            player_move=[{"r": 0, "s": 1, "p": 2}[move] for move in PLAYED],
            bot_move=0,
            outcome=[{"win": 1, "draw": 0, "lose": -1}[result] for result in RESULTS],
        ).to_csv(index=False),
        "--moves 0=rock,1=scissors,2=paper",
    ),
    "winners.csv": (
        frame(player_move=NUMBERS, bot_move=1, winner=[WINNERS[result] for result in RESULTS]).to_csv(index=False),
        "--moves 1=rock,2=paper,3=scissors",
    ),
    "milliseconds.csv": (
        study(timestamp=[(EPOCH + n) * 1_000 for n in range(8)]).to_csv(),
        "--time-unit ms",
    ),
    "roles.csv": (long("role", "human", "computer"), "--map player_move=move,player=role"),
    "is-bot.csv": (long("is_bot", 0, 1, player_id="x"), "player=is_bot"),
    "friends.csv": (
        "match,round,player,throw,winner\n"
        + "".join(
            f"1,{n},{who},{thrown},{ {'win': 'ann', 'lose': 'ben'}.get(RESULT[move], 'draw') }\n"
            for n, move in enumerate(PLAYED, 1)
            for who, thrown in (("ben", "rock"), ("ann", WORDS[move]))
        ),
        "player=player",
    ),
    "people.csv": (long("participant", "b", "bot_4"), "player=participant"),
    "otree.csv": (
        lines(header="session.code,subsession.round_number,player.choice,player.opponent_choice"),
        "round=subsession.round_number",
    ),
}  # fmt: skip


def run(engine: Engine, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command line in this process on a SQLite store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RPS_DB_PATH", str(engine.url.database))
        result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize("name", GUESSED)
def test_a_guess_is_shown_and_its_command_imports_the_file(sqlite_store: Engine, tmp_path: Path, name: str) -> None:
    content, options = GUESSED[name]
    (tmp_path / name).write_text(content)
    for arguments in (("--dry-run",), ()):
        code, report = run(sqlite_store, "import-rounds", str(tmp_path / name), *arguments)
        assert (code, report["imported"]["rounds"]["count"]) == (0 if arguments else 1, 8), report
        assert "guess" in " ".join(report["understood"])
        assert stored_moves(sqlite_store) == {}
    assert options in report["command"]
    program, *command = shlex.split(report["command"])
    code, report = run(sqlite_store, *command)
    assert (program, code, list(stored_moves(sqlite_store).values())) == ("rps", 0, [PLAYED]), report


@pytest.mark.parametrize("hole", ["NA", "NaN", "NULL", "none", "", "N/A", "null", "<NA>"])
def test_a_hole_is_a_round_without_a_move(sqlite_store: Engine, tmp_path: Path, hole: str) -> None:
    (tmp_path / "in.csv").write_text(lines().replace("g,2,paper", f"g,2,{hole}"))
    report = import_rounds(sqlite_store, tmp_path / "in.csv")
    assert stored_moves(sqlite_store) == {"g:3": PLAYED[2:]}
    assert report.is_whole


def test_rounds_without_a_number_follow_their_times(sqlite_store: Engine, tmp_path: Path) -> None:
    times = [f"2026-03-01T10:00:0{number}{'Z' if number % 2 else '.5 UTC'}" for number in range(8)]
    newest_first = frame(event_ts=times).drop(columns="round")[::-1]
    newest_first.to_csv(tmp_path / "in.csv", index=False)
    report = import_rounds(sqlite_store, tmp_path / "in.csv")
    assert "rounds: no column; numbered by event_ts" in report.understood
    assert stored_moves(sqlite_store) == {"g:1": PLAYED}


def test_times_of_only_some_rounds_do_not_order_them(sqlite_store: Engine, tmp_path: Path) -> None:
    frame(event_ts=[f"2026-03-01T10:00:0{9 - number}" for number in range(7)] + [None]).drop(columns="round").to_csv(
        tmp_path / "in.csv", index=False
    )
    report = import_rounds(sqlite_store, tmp_path / "in.csv")
    assert "rounds: no column; numbered in the order of the file" in report.understood
    assert stored_moves(sqlite_store) == {"g:1": PLAYED}


UNREAD_TIMES = {
    "2024-01-05_12h00.01.123": "'2024-01-05_12h00.01.123' has an unknown form",
    "2024-01-05 12:00:01 EST": "'2024-01-05 12:00:01 EST' has an unknown form",
    "2024.01.05 12:00:01": "'2024.01.05 12:00:01' has an unknown form",
    "45296.01": "they are not times since 1970",
    "1/5/2024 3:00:00 PM": "the day or the month may come first",
}


@pytest.mark.parametrize("name", ["event_ts", "timestamp"])
@pytest.mark.parametrize("text", UNREAD_TIMES)
def test_times_that_cannot_be_read_are_named(sqlite_store: Engine, tmp_path: Path, name: str, text: str) -> None:
    frame(**{name: text}).to_csv(tmp_path / "in.csv", index=False)
    report = import_rounds(sqlite_store, tmp_path / "in.csv")
    assert stored_moves(sqlite_store) == {"g:1": PLAYED}
    expected = f"times: {name} is not used, because {UNREAD_TIMES[text]}; write ISO-8601, or name --time-unit"
    assert expected in report.understood


def test_parquet_times_too_far_away_are_not_read_as_numbers(sqlite_store: Engine, tmp_path: Path) -> None:
    times = pyarrow.array([2**60 + number for number in range(8)], pyarrow.timestamp("us"))
    table = pyarrow.Table.from_pandas(frame(), preserve_index=False).append_column("event_ts", times)
    (tmp_path / "in.parquet").write_bytes(parquet(table))
    report = import_rounds(sqlite_store, tmp_path / "in.parquet")
    assert any(
        "event_ts is not used, because times are before 1970 or after 2200" in line for line in report.understood
    )
    with sqlite_store.connect() as connection:
        assert connection.scalar(select(games.c.created_ts_utc)) == datetime(1970, 1, 1, tzinfo=UTC)


def test_times_of_any_usual_form_are_read(sqlite_store: Engine, tmp_path: Path) -> None:
    forms = {
        "seconds": str(EPOCH),
        "float seconds": f"{EPOCH}.0",
        "milliseconds": f"{EPOCH}000",
        "nanoseconds": f"{EPOCH}000000000",
        "pandas": "2026-03-01 10:00:00+00:00",
        "zulu": "2026-03-01T10:00:00Z",
        "elsewhere": "2026-03-01 11:00:00+01:00",
        "named": "2026-03-01 10:00:00 UTC",
        "german": "01.03.2026 10:00",
        "slashes": "2026/03/01 10:00:00",
        "short german": "01.03.26 10:00",
        "short american": "3/31/26 10:00 AM",
        "american": "12/31/2026 10:00 AM",
        "unclear": "03/01/2026 10:00",
        "elapsed": "0.53",
    }
    for name, text in forms.items():
        path = tmp_path / f"{name}.csv"
        frame(game_id=name, event_ts=text).to_csv(path)
        report = import_rounds(sqlite_store, path)
        assert report.is_whole, (name, report)
    with sqlite_store.connect() as connection:
        found = {row.id.removesuffix(":1"): row.created_ts_utc for row in connection.execute(select(games))}
    start, unknown = datetime(2026, 3, 1, 10, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)
    special = {
        "short american": datetime(2026, 3, 31, 10, tzinfo=UTC),
        "american": datetime(2026, 12, 31, 10, tzinfo=UTC),
        "unclear": unknown,
        "elapsed": unknown,
    }
    assert found == dict.fromkeys(forms, start) | special


def test_games_that_are_numbered_for_each_person_stay_apart(sqlite_store: Engine, tmp_path: Path) -> None:
    both = pandas.concat([frame(player_id=name, game_id=1.0) for name in ("ada", "bob")])
    both.to_csv(tmp_path / "in.csv")
    import_rounds(sqlite_store, tmp_path / "in.csv")
    assert stored_moves(sqlite_store) == {"ada/1:1": PLAYED, "bob/1:1": PLAYED}


def test_games_without_numbers_of_rounds_stay_apart_too(sqlite_store: Engine, tmp_path: Path) -> None:
    both = pandas.concat([frame(player_id=name, game_id=1) for name in ("ada", "bob")]).drop(columns="round")
    both.sort_index(kind="stable").to_csv(tmp_path / "in.csv", index=False)
    import_rounds(sqlite_store, tmp_path / "in.csv")
    assert stored_moves(sqlite_store) == {"ada/1:1": PLAYED, "bob/1:1": PLAYED}


def test_a_person_in_only_some_rows_of_a_game_does_not_divide_it(sqlite_store: Engine, tmp_path: Path) -> None:
    frame(player_id=["ada", *[None] * 7]).drop(columns="round").to_csv(tmp_path / "in.csv", index=False)
    import_rounds(sqlite_store, tmp_path / "in.csv")
    assert stored_moves(sqlite_store) == {"g:1": PLAYED}


def test_rows_without_a_person_are_a_game_of_the_file(sqlite_store: Engine, tmp_path: Path) -> None:
    both = pandas.concat([frame(player_id=name).drop(columns="game_id") for name in ("ada", None)])
    both.to_csv(tmp_path / "in.csv", index=False)
    import_rounds(sqlite_store, tmp_path / "in.csv")
    assert stored_moves(sqlite_store) == {"ada:1": PLAYED, "in:1": PLAYED}


ROWS = frame().drop(columns="game_id").to_dict("records")
TABLES: dict[str, tuple[Any, list[str]]] = {
    "games by key": ({"a": ROWS, "b": ROWS}, ["a:1", "b:1"]),
    "games by key of a person": ({"session_id": "ada", "a": ROWS, "b": ROWS}, ["a:1", "b:1"]),
    "named games": (
        {"train": [row | {"game_id": "x"} for row in ROWS], "test": frame().to_dict("records")},
        ["g:1", "x:1"],
    ),
    "one with moves": ([{"game_id": "g", "rounds": ROWS, "scores": [{"player": 1, "bot": 20}]}], ["g:1"]),
    "games inside": ({"games": [{"game_id": "g", "rounds": ROWS}], "players": [{"name": "ann"}]}, ["g:1"]),
}


@pytest.mark.parametrize("name", TABLES)
def test_json_with_several_tables_loses_no_rounds(sqlite_store: Engine, tmp_path: Path, name: str) -> None:
    content, ids = TABLES[name]
    (tmp_path / "in.json").write_text(json.dumps(content))
    assert import_rounds(sqlite_store, tmp_path / "in.json").is_whole
    assert stored_moves(sqlite_store) == dict.fromkeys(ids, PLAYED)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([{"game_id": "a", "rounds": ROWS, "moves": ROWS[:1]}], "several tables: 'rounds', 'moves'; keep one of them"),
        ({"a": ROWS, "b": [{"choice": "rock", "computer": "paper"}]}, "several tables: 'a', 'b'"),
        ({"columns": ["round"], "data": [5]}, "5 is not a list of 1 values, one for each column"),
        ({"columns": ["round", "player_move"], "data": [[1]]}, r"\[1\] is not a list of 2 values"),
    ],
)
def test_json_that_has_no_clear_table_is_refused(
    sqlite_store: Engine, tmp_path: Path, content: Any, sentence: str
) -> None:
    (tmp_path / "in.json").write_text(json.dumps(content))
    with pytest.raises(DataFileError, match=sentence):
        import_rounds(sqlite_store, tmp_path / "in.json")


@pytest.mark.parametrize(
    ("words", "example"),
    [
        ({"r": "my rock", "p": "x paper", "s": "scissors x"}, "my rock=rock,scissors x=scissors,x paper=paper"),
        ({"r": "s", "p": "p", "s": "s"}, "p=paper,s=scissors"),
        ({"r": "0", "p": "1", "s": "2"}, "0=rock,1=paper,2=scissors"),
    ],
)
def test_the_example_of_a_coding_swaps_no_moves(
    sqlite_store: Engine, tmp_path: Path, words: dict[str, str], example: str
) -> None:
    (tmp_path / "in.csv").write_text(lines(words=words))
    with pytest.raises(DataFileError, match=f"--moves {example}$"):
        import_rounds(sqlite_store, tmp_path / "in.csv")


def test_a_universally_unique_id_is_read_as_its_digits(sqlite_store: Engine, tmp_path: Path) -> None:
    ids = pyarrow.array([bytes(range(16))] * 8, pyarrow.uuid())
    table = pyarrow.Table.from_pandas(frame().drop(columns="game_id"), preserve_index=False)
    (tmp_path / "in.parquet").write_bytes(parquet(table.append_column("game_id", ids)))
    import_rounds(sqlite_store, tmp_path / "in.parquet")
    assert stored_moves(sqlite_store) == {"000102030405060708090a0b0c0d0e0f:1": PLAYED}


def test_a_header_below_a_title_is_named(sqlite_store: Engine, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("My experiment\n\n" + lines())
    with pytest.raises(DataFileError, match="row 3 looks like the header: delete the rows above it"):
        import_rounds(sqlite_store, tmp_path / "in.csv")


def test_a_stream_is_refused_as_one(sqlite_store: Engine) -> None:
    for path in ("-", "/dev/null"):
        with pytest.raises(DataFileError, match=f"{path} is not a regular file; write its content to one first"):
            import_rounds(sqlite_store, Path(path))


def test_the_exit_code_says_whether_all_came_in(sqlite_store: Engine, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    bad = lines().replace("g,", "bad,").replace("paper", "lizard")
    path.write_text(lines() + bad.split("\n", 1)[1])
    assert run(sqlite_store, "import-rounds", str(path), "--strict")[0] == 1
    assert stored_moves(sqlite_store) == {}
    assert run(sqlite_store, "import-rounds", str(path), "--dry-run")[0] == 1
    assert run(sqlite_store, "import-rounds", str(path))[0] == 1
    assert stored_moves(sqlite_store) == {"g:1": PLAYED}
    path.write_text(lines())
    assert run(sqlite_store, "import-rounds", str(path), "--strict")[0] == 0
    path.write_text(HEADER + "\n")
    assert run(sqlite_store, "import-rounds", str(path))[0] == 1


NAMES = ("👨‍👩‍👧‍👦 family", "می‌خواهم", "क्‍षमा", "Zoë", "🏴‍☠️" * 3, "👩🏽‍🚀")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_joiners_stays_whole(sqlite_store: Engine, tmp_path: Path, name: str) -> None:
    frame(player_name=name).to_csv(tmp_path / "in.csv")
    import_rounds(sqlite_store, tmp_path / "in.csv")
    with sqlite_store.connect() as connection:
        assert connection.scalar(select(games.c.player_name)) == name


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"columns": ["choice"]}, "is not a pair; write it like --map player_move=choice"),
        ({"columns": ["move=choice"]}, "'move' is not one of game_id, "),
        ({"moves": ["0=lizard"]}, "use rock, paper, scissors, or none"),
        ({"delimiter": ";;"}, "use one character, or tab"),
        ({"time_unit": "hours"}, "use s, ms, us, ns"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataFileError, match=sentence):
        read_options(**{"columns": [], "moves": [], "delimiter": None, "time_unit": None} | given)


def test_a_map_names_a_column_and_leaves_another_out(sqlite_store: Engine, tmp_path: Path) -> None:
    wrong = ["win"] * 8
    frame(result=wrong, note="x").rename(columns={"player_move": "a,b"}).to_csv(tmp_path / "in.csv")
    options = read_options(["player_move=a,b", "result="], ["Z=none"], ",", "ms")
    report = import_rounds(sqlite_store, tmp_path / "in.csv", options=options)
    assert stored_moves(sqlite_store) == {"g:1": PLAYED}
    assert report.notes == ["ignored columns: (no name), result, note"]
    with pytest.raises(DataFileError, match=r"--map player_move=c: the file has no such column; it has: .*a,b"):
        import_rounds(sqlite_store, tmp_path / "in.csv", options=read_options(["player_move=c"], [], None, None))


def test_a_small_file_that_unpacks_to_too_much_is_refused(
    sqlite_store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rps_cli.importers.tables.MAX_UNPACKED_BYTES", 5_000_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\n" * 6_000_000))
    with pytest.raises(DataFileError, match="unpacks to more than 5,000,000 bytes"):
        import_rounds(sqlite_store, tmp_path / "bomb.gz")


def test_the_examples_of_the_guide_are_understood_as_it_says(sqlite_store: Engine, tmp_path: Path) -> None:
    guide = (Path(__file__).parents[4] / "docs" / "importing.md").read_text()
    examples = [block.strip("\n") for block in guide.split("```")[1::2]]
    for (name, expected), content in zip(
        {
            "partidas.csv": (
                "player_move=jugador (guessed)",
                "game_id=partida",
                "moves: papel=paper",
                "numbered from 0",
            ),
            "study.csv": ("one for each session_id", "event_ts in ms", "1=rock, 2=paper, 3=scissors", "people: 1"),
            "rounds.csv": ("player=is_bot (guessed)", "rock against paper", "1 is the opponent"),
        }.items(),
        examples,
        strict=True,
    ):
        (tmp_path / name).write_text(content)
        report = import_rounds(sqlite_store, tmp_path / name, dry_run=True)
        for words in expected:
            assert words in "\n".join([*report.understood, str(report.command)]), (words, report)
