"""The columns of a foreign file, matched with ours (`rps_core.store.round_columns`)."""

import re
from collections.abc import Iterable, Mapping, Sequence

import polars

from rps_cli.importers import words
from rps_cli.importers.options import PLAYER, Options
from rps_cli.importers.tables import Table
from rps_cli.importers.times import time_reader, why_unread
from rps_cli.importers.values import quoted
from rps_core.errors import DataFileError
from rps_core.store.round_columns import ROUND_FILE_COLUMNS

MOVE_COLUMNS = ("player_move", "bot_move")
_GUESSED = ("round", "winner", "result", "event_ts", "game_id", "session_id", "bot_policy")
_KNOWN = {name: column.name for column in ROUND_FILE_COLUMNS for name in (column.name, *column.synonyms)}
_SAMPLE_ROWS = 5_000


class Columns:
    """Where a file holds our columns: as a person says, as our lists of names say, or as names and values suggest.

    Attributes:
        at: positions in the table by our names.
        guessed: those of our names whose columns were guessed.
        unread_times: names of columns that may hold times but cannot be read, and why.

    Raises:
        DataFileError: a required column is missing, or two columns have the same meaning.
    """

    def __init__(self, table: Table, options: Options) -> None:
        self._table = table
        self._sample: polars.DataFrame = table.frame.head(_SAMPLE_ROWS).collect()
        self.at = self._chosen(options.columns)
        self._match_known(options.columns)
        self.unread_times: dict[str, str] = {}
        self.guessed = self._guess()
        self.at |= self.guessed
        self._require_moves()
        self.at = {ours: at for ours, at in self.at.items() if at}
        if "bot_move" in self.at:
            self.at.pop(PLAYER, None)

    def name(self, ours: str) -> str:
        """Return the name of one of our columns in the file."""
        return self._table.names[int(self.at[ours])]

    def sample(self, ours: str) -> list[str]:
        """Return the different values at the start of a column, without holes."""
        return self._values_at(self.at[ours])

    def ignored(self) -> list[str]:
        """Return the names of the other columns."""
        used = set(self.at.values())
        names = [name or "(no name)" for at, name in enumerate(self._table.names) if str(at) not in used]
        return [*names, *self._table.unusable]

    def is_exact(self, ours: str) -> bool:
        """Return whether our lists have the column's name."""
        return known_as(self.name(ours)) == ours

    def _values_at(self, at: str) -> list[str]:
        values = self._sample.select(bare(polars.col(at))).to_series().drop_nulls().unique().to_list()
        return [value for value in values if value.lower() not in words.HOLES]

    def _plain(self, at: str) -> set[str]:
        return {words.code_of(value) for value in self._values_at(at) if len(value) <= 100}

    def _chosen(self, columns: Mapping[str, str]) -> dict[str, str]:
        names = self._table.names
        for ours, theirs in columns.items():
            if theirs and theirs not in names:
                raise DataFileError(f"--map {ours}={theirs}: the file has no such column; it has: {listed(names)}")
        return {ours: str(names.index(theirs)) if theirs else "" for ours, theirs in columns.items()}

    def _match_known(self, chosen: Mapping[str, str]) -> None:
        for at, name in enumerate(self._table.names):
            ours = known_as(name)
            if ours is None or ours in chosen or str(at) in self.at.values():
                continue
            if ours in self.at:
                raise DataFileError(
                    f"the columns {self.name(ours)} and {name} both hold {ours}; remove one of them, or choose with "
                    f"--map {ours}={name}"
                )
            self.at[ours] = str(at)
        for name, kind in self._table.unusable.items():
            if known_as(name) not in (None, *self.at):
                raise DataFileError(f"the column {name} holds {kind} instead of single values")

    def _guess(self) -> dict[str, str]:
        guessed: dict[str, str] = {}
        names = self._table.names
        free = {str(at): name for at, name in enumerate(names) if name and str(at) not in self.at.values()}

        def take(ours: str, candidates: Sequence[str]) -> None:
            if ours not in self.at and candidates:
                guessed[ours] = candidates[0]
                free.pop(candidates[0], None)

        sides = {at: words.side_of(name) for at, name in free.items() if words.looks_like_moves(self._plain(at))}
        for ours in MOVE_COLUMNS:
            candidates = [at for at, side in sides.items() if side == ours]
            take(ours, sorted(candidates, key=lambda at: (not self._plain(at) & set(words.MOVES_BY_WORD), int(at))))
        if "bot_move" not in self.at | guessed:
            # The column of people can also say whose row it is.
            person = self.at.get("session_id")
            both = free | ({person: names[int(person)]} if person else {})
            found = [at for at, name in both.items() if words.may_mean(PLAYER, name) and self._values_at(at)]
            take(PLAYER, sorted(found, key=lambda at: (not self._separates(at, both[at]), int(at))))
        for ours in _GUESSED:
            take(ours, [at for at, name in free.items() if words.may_mean(ours, name) and self._fits(ours, at)])
        if "event_ts" not in self.at | guessed:
            times = {name: self._values_at(at) for at, name in free.items() if words.may_mean("event_ts", name)}
            self.unread_times = {name: why_unread(values) for name, values in times.items() if values}
        return guessed

    def _separates(self, at: str, name: str) -> bool:
        """Return whether a column separates people from bots, by its name or its values."""
        return words.names_bot(name) or any(words.names_bot(value) for value in self._plain(at))

    def _fits(self, ours: str, at: str) -> bool:
        values = self._plain(at)
        is_numeric = all(re.fullmatch(r"\d+(\.0+)?", value) for value in values)
        if ours == "event_ts":
            return time_reader(self._values_at(at)) is not None
        if ours == "bot_policy":
            return bool(values) and not is_numeric and not words.looks_like_moves(values)
        return bool(values) and (is_numeric or ours != "round")

    def _require_moves(self) -> None:
        missing = [name for name in MOVE_COLUMNS if not self.at.get(name)]
        if missing and not (missing == ["bot_move"] and self.at.get(PLAYER)):
            raise DataFileError(
                f"the file lacks the columns {', '.join(missing)}; it has: {listed(self._table.names)}; "
                f"{self._header_below()}name yours with --map player_move=…,bot_move=…, or with "
                f"--map player_move=…,{PLAYER}=… if each player has a row"
            )

    def _header_below(self) -> str:
        """Return the advice to delete what is above a row that looks like the header."""
        for number, *fields in self._sample.head(50).iter_rows():
            if is_header(re.split(r"[,;\t|]", ",".join(filter(None, fields)))):
                return f"row {number} looks like the header: delete the rows above it; or "
        return ""


def is_header(names: Iterable[str]) -> bool:
    """Return whether some of these fields are names of the columns with the moves."""
    known = {known_as(name) for name in names}
    sides = {words.side_of(name) for name in names if not name.strip().isdigit()}
    return not known.isdisjoint(MOVE_COLUMNS) or sides >= set(MOVE_COLUMNS)


def bare(text: polars.Expr) -> polars.Expr:
    """Return text without the blanks, the quotes or Excel's ="…" around it."""
    return text.str.strip_chars().str.replace(r"""^=?["'“”„‘’«]([^"'“”‘’»]*)["'“”‘’»]$""", "${1}")


def known_as(name: str) -> str | None:
    """Return our name of a column that our lists of names contain, however it is written."""
    return _KNOWN.get(name.strip().lower()) or _KNOWN.get("_".join(words.tokens(name)))


def listed(values: Iterable[str]) -> str:
    """Return foreign values for a message: printable and short."""
    return ", ".join(quoted(value).strip("'\"")[:40] for value in list(values)[:30]) or "none"
