"""Brings a foreign file under our names and words, and says what was understood in sentences and as options.

A name in our lists is known. Anything else is a guess, which a person confirms by running the command that the report
shows: a store cannot forget a game that was imported wrongly.
"""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars

from rps_cli.importers import words
from rps_cli.importers.columns import MOVE_COLUMNS, Columns, bare, listed
from rps_cli.importers.options import PLAYER, TIME_UNITS, Options
from rps_cli.importers.pairing import pair_players
from rps_cli.importers.report import ImportReport
from rps_cli.importers.staging import summary
from rps_cli.importers.tables import MAX_FIELD_CHARACTERS, Table
from rps_cli.importers.times import ISO, moment, time_reader, why_unread
from rps_cli.importers.values import MAX_SHOWN_CHARACTERS
from rps_core.errors import DataFileError
from rps_core.store.round_columns import ROUND_FILE_COLUMNS

TIME_COLUMNS = ("event_ts", "created_at", "finished_at")
_TEXTS = {column.name for column in ROUND_FILE_COLUMNS if column.kind == "text"} - {*MOVE_COLUMNS, "result", "winner"}
_MAX_VALUES = 1_000


class Understanding:
    """A file of rounds under our names.

    Attributes:
        frame: the columns "row", "problem", "game_id", "round" and those of ours that the file has, as text.
        lines: what was understood, for people.
        is_guess: a person must confirm it.
    """

    def __init__(self, table: Table, path: Path, options: Options) -> None:
        self._table, self._path, self._options = table, path, options
        self.columns = Columns(table, options)
        self.is_guess = bool(self.columns.guessed)
        self._moves: dict[str, str] = {}
        self._time_unit = options.time_unit
        shown = (
            f"{ours}={self.columns.name(ours)}" + " (guessed)" * (ours in self.columns.guessed)
            for ours in self.columns.at
        )
        self.lines = [f"format: {table.kind}", f"columns: {', '.join(shown)}"]
        self.frame = self._named()
        self._leave_out_empty()
        self._name_games()
        self._number_rounds()
        if PLAYER in self.columns.at:
            self.frame, line = pair_players(self.frame, self.columns, self._distinct(PLAYER))
            self.lines.append(line)
        self._read_results()
        self._read_moves()
        for name in TIME_COLUMNS:
            if name in self.columns.at:
                self._read_times(name)
        self._show_unread(self.columns.unread_times)
        self.lines += summary(self.frame)

    def command(self) -> str:
        """Return the command that imports the file exactly as it was understood."""
        mapped = {ours: self.columns.name(ours) for ours in self.columns.at if not self.columns.is_exact(ours)}
        mapped |= self._options.columns
        pairs = [f"{ours}={theirs}" for ours, theirs in mapped.items()]
        parts = ["rps", "import-rounds", str(self._path)]
        for pair in pairs if "," in "".join(pairs) else filter(None, [",".join(pairs)]):
            parts += ["--map", pair]
        if self._moves:
            parts += ["--moves", ",".join(f"{code}={move}" for code, move in self._moves.items())]
        if self._time_unit:
            parts += ["--time-unit", self._time_unit]
        if self._options.delimiter:
            parts += ["--delimiter", {"\t": "tab"}.get(self._options.delimiter, self._options.delimiter)]
        return shlex.join(parts)

    def report(self, *, dry_run: bool) -> ImportReport:
        """Return the report of an import that has not begun."""
        report = ImportReport(str(self._path), dry_run, understood=self.lines, command=self.command())
        if ignored := self.columns.ignored():
            report.notes.append(f"ignored columns: {', '.join(name[:40] for name in ignored[:20])}")
        return report

    def _named(self) -> polars.LazyFrame:
        """Return the columns by our names, without blanks around values, with holes as null."""
        # Our own exports write null as nothing, so that every text in them is meant.
        is_ours = {"probability_source", "model_switched"} <= set(self.columns.at)
        columns = {
            ours: polars.col(at).str.strip_chars() if is_ours else bare(polars.col(at))
            for ours, at in self.columns.at.items()
        }
        problems = [
            polars.when(text.str.len_chars() > MAX_FIELD_CHARACTERS).then(
                polars.lit(f"{ours} has more than {MAX_FIELD_CHARACTERS:,} characters")
            )
            for ours, text in columns.items()
        ]
        if "extra" in self._table.frame.collect_schema():
            is_wide = polars.col("extra").str.strip_chars() != ""
            problems.append(polars.when(is_wide).then(polars.lit("more fields than the header")))
        cleaned = {}
        for ours, text in columns.items():
            value = text.str.head(MAX_FIELD_CHARACTERS)
            holes = [""] if is_ours and ours in _TEXTS else list(words.HOLES)
            value = polars.when(~value.str.to_lowercase().is_in(holes)).then(value)
            if ours in {"game_id", "session_id", PLAYER}:
                if all(re.fullmatch(r"\d+\.0+", given) for given in self.columns.sample(ours)):
                    value = value.str.replace(r"\.0+$", "")
            elif self._table.delimiter not in (None, ",") and ours not in _TEXTS:
                value = value.str.replace(r"^(-?\d+),(\d+)$", "${1}.${2}")
            cleaned[ours] = value
        has_value = polars.any_horizontal(polars.col(*self.columns.at.values()).is_not_null())
        return self._table.frame.filter(has_value).select("row", problem=polars.coalesce(problems), **cleaned)

    def _leave_out_empty(self) -> None:
        """Treat ids and numbers that every row leaves blank like columns that the file lacks."""
        found = [name for name in ("game_id", "session_id", "round") if name in self.columns.at]
        rows, *counts = self._one(polars.len(), *(polars.col(name).count() for name in found))
        empty = [name for name, count in zip(found, counts, strict=True) if rows and not count]
        for name in empty:
            del self.columns.at[name]
        self.frame = self.frame.drop(empty)

    def _name_games(self) -> None:
        game, person = polars.col("game_id"), polars.col("session_id")
        has_person = "session_id" in self.columns.at and PLAYER not in self.columns.at
        if "game_id" not in self.columns.at:
            file = polars.lit(self._path.name.partition(".")[0][:40] or "file")
            self.frame = self.frame.with_columns(game_id=polars.coalesce(person, file) if has_person else file)
            self.lines.append(f"games: no column; one for each {'session_id' if has_person else 'file'}")
        elif has_person:
            key = ["game_id", *({"round"} & set(self.columns.at))]
            is_known = person.is_not_null()
            keys = [polars.struct(*key, *more).filter(is_known).n_unique() for more in ((), ("session_id",))]
            rows, apart, with_person = self._one(is_known.sum(), *keys)
            if apart < with_person and ("round" not in key or with_person == rows):
                named = polars.coalesce(polars.concat_str(person, game, separator="/"), game)
                self.frame = self.frame.with_columns(game_id=named)
                self.lines.append("games: numbered for each person, so that the id is session_id/game_id")

    def _number_rounds(self) -> None:
        if "round" not in self.columns.at:
            has_time = "event_ts" in self.columns.at
            reader = time_reader(self.columns.sample("event_ts"), self._options.time_unit) if has_time else None
            order = [moment(polars.col("event_ts"), reader)] if reader else []
            # Times of only some rows do not order them.
            if order and self._one(order[0].null_count())[0]:
                order = []
            by = ["game_id", *({PLAYER} & set(self.columns.at))]
            counted = polars.int_range(1, polars.len() + 1).over(by, order_by=[*order, "row"]).cast(polars.String)
            self.frame = self.frame.with_columns(round=counted)
            self.lines.append(f"rounds: no column; numbered {'by event_ts' if order else 'in the order of the file'}")
            return
        number = polars.col("round").cast(polars.Float64, strict=False)
        if self._one(number.min())[0] == 0:
            moved = polars.when(number == number.floor()).then((number + 1).cast(polars.Int64, strict=False))
            self.frame = self.frame.with_columns(round=polars.coalesce(moved.cast(polars.String), "round"))
            self.lines.append("rounds: numbered from 0, so 1 is added")

    def _one(self, *expressions: polars.Expr) -> tuple[Any, ...]:
        named = [expression.alias(str(at)) for at, expression in enumerate(expressions)]
        return tuple(self.frame.select(named).collect(engine="streaming").row(0))

    def _distinct(self, *names: str) -> list[str]:
        unique = (self.frame.select(polars.col(name).drop_nulls().unique()).head(_MAX_VALUES) for name in names)
        return sorted({value for lazy in unique for value in lazy.collect(engine="streaming").to_series()})

    def _replace(self, name: str, values: Mapping[str, str]) -> None:
        self.frame = self.frame.with_columns(polars.col(name).replace(dict(values)))

    def _read_results(self) -> None:
        if "winner" in self.columns.at:
            self._read_winners()
        if "result" not in self.frame.collect_schema():
            return
        values = self._distinct("result")
        outcomes = _outcomes(values, words.RESULT_SCALES)
        if len(values) > 1 and not outcomes:
            self.frame = self.frame.drop("result")
            self.lines.append(f"results: not checked, because {listed(values[:5])} are not understood")
        else:
            self._replace("result", outcomes)
            self._show("results", outcomes)

    def _read_winners(self) -> None:
        """Read a winner of each game, or of each round, which then is the result."""
        outcomes = _outcomes(self._distinct("winner"), words.WINNER_SCALES)
        names = self.frame.group_by("game_id").agg(polars.col("winner").drop_nulls().n_unique())
        if names.filter(polars.col("winner") > 1).head(1).collect().is_empty():
            sides = {"win": "user", "lose": "bot", "draw": "tie"}
            self._replace("winner", {value: sides[outcome] for value, outcome in outcomes.items()})
        elif "result" in self.frame.collect_schema():
            self.frame = self.frame.drop("winner")
        else:
            self.frame = self.frame.rename({"winner": "result"})
            self._replace("result", outcomes)
            self._show("winners of rounds", outcomes)

    def _show(self, subject: str, meanings: Mapping[str, str]) -> None:
        if foreign := [f"{value}={meaning}" for value, meaning in meanings.items() if value != meaning]:
            self.lines.append(f"{subject}: {', '.join(foreign[:20])}")

    def _read_moves(self) -> None:
        values = {value: words.code_of(value) for value in self._distinct(*MOVE_COLUMNS)}
        known = words.MOVES_BY_WORD | dict(self._options.moves)
        left = {code for code in values.values() if code not in known}
        if "r" in left <= set(words.MOVES_BY_LETTER):
            known |= words.MOVES_BY_LETTER
        elif left == set(values.values()) and left:
            coding = words.coding_in(" ".join((*self._table.names, self._table.comments)))
            known |= coding if left <= set(coding) else self._numbers(sorted(left), values)
        coding = {code: known[code] for code in sorted(set(values.values())) if code in known}
        self._moves = {code: move for code, move in coding.items() if words.MOVES_BY_WORD.get(code) != move}
        self._show("moves", coding)
        for name in MOVE_COLUMNS:
            self._replace(name, {value: known[code] for value, code in values.items() if code in known})

    def _numbers(self, codes: Collection[str], values: Mapping[str, str]) -> dict[str, str]:
        """Return the coding of numbers, if the results of the rounds confirm it.

        Raises:
            DataFileError: they do not.
        """
        first = 1 if {"1", "2", "3"} <= set(codes) else 0
        usual = [str(first + at) for at in range(3)]
        if set(usual) <= set(codes) and "result" in self.frame.collect_schema():
            rounds = self.frame.select(*MOVE_COLUMNS, "result").drop_nulls().unique().collect()
            coded = ((values[a], values[b], result) for a, b, result in rounds.iter_rows())
            claims = {((int(a) - int(b)) % 3, result) for a, b, result in coded if {a, b} <= set(usual)}
            for step, order in ((1, ("rock", "paper", "scissors")), (2, ("rock", "scissors", "paper"))):
                if claims - {(0, "draw")} and claims <= {(0, "draw"), (step, "win"), (3 - step, "lose")}:
                    self.is_guess = True
                    self.lines.append("moves (guessed): the results fit this order of the numbers")
                    return dict.fromkeys(codes, "none") | dict(zip(usual, order, strict=True))
        coding = words.example_coding(codes if max(map(len, codes)) <= MAX_SHOWN_CHARACTERS else usual)
        example = ",".join(f"{code}={move}" for code, move in coding.items())
        raise DataFileError(
            f"the moves are {listed(codes)}, and nothing in the file says which is which; say so, for example with "
            f"--moves {example}"
        )

    def _read_times(self, name: str) -> None:
        values = self.columns.sample(name)
        reader = time_reader(values, self._options.time_unit)
        if reader == ISO:
            self.frame = self.frame.with_columns(polars.col(name).str.replace(" (UTC|GMT)$", "Z"))
        elif reader:
            as_time = polars.coalesce(moment(polars.col(name), reader).cast(polars.String), name)
            self.frame = self.frame.with_columns(as_time.alias(name))
            self._time_unit = reader if reader in TIME_UNITS else self._time_unit
            self.lines.append(f"times: {name} in {reader}")
        elif values:
            self.frame = self.frame.drop(name)
            self._show_unread({name: why_unread(values)})

    def _show_unread(self, problems: Mapping[str, str]) -> None:
        self.lines += (
            f"times: {name[:40]} is not used, because {problem}; write ISO-8601, or name --time-unit"
            for name, problem in problems.items()
        )


def _outcomes(values: Sequence[str], scales: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the result for the player that each value means: a number of a known scale, or words."""
    codes = {value: words.code_of(value) for value in values}
    for scale in scales:
        if next(iter(scale)) in codes.values() and set(codes.values()) <= set(scale):
            return {value: scale[code] for value, code in codes.items()}
    found = {value: words.outcome_of(value) for value, code in codes.items() if not code.lstrip("-").isdigit()}
    return {value: outcome for value, outcome in found.items() if outcome}
