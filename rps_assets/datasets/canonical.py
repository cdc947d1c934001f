"""Canonical forms of examples, and the hashes over them. They depend neither on Parquet nor on Polars nor on a machine.

The canonical form of a game is the concatenation of

- the round numbers as little-endian int64,
- the features row by row as little-endian float64, with -0.0 written as 0.0,
- the labels as int8.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from rps_core.features.contract import FeatureContract

# From this version of the contract on, a fingerprint is over the hashes of the games, so that a dataset of millions of
# examples is named without reading them.
HASHED_BY_GAME = 3
ROWS_AT_A_TIME = 20_000


def game_hashes(examples: pl.DataFrame, rows_of_games: Iterable[int], contract: FeatureContract) -> list[bytes]:
    """Return the SHA-256 of the canonical form of each game.

    Args:
        examples: round_no, the columns of `contract`, label; the rows of a game are next to each other.
        rows_of_games: number of rows of each game, in the order of the rows.
        contract: the columns to hash.
    """
    rounds = np.ascontiguousarray(examples["round_no"].to_numpy(), dtype="<i8")
    labels = np.ascontiguousarray(examples["label"].to_numpy(), dtype="i1")
    hashes, first, start = [], 0, 0
    values = _canonical_features(examples.slice(0, 0), contract)
    for rows in rows_of_games:
        if first + rows > start + len(values):
            # One array of a million rows takes six hundred megabytes with 75 columns.
            start, values = first, _canonical_features(examples.slice(first, max(rows, ROWS_AT_A_TIME)), contract)
        digest = hashlib.sha256(rounds[first : first + rows].data)
        digest.update(values[first - start : first - start + rows].data)
        digest.update(labels[first : first + rows].data)
        hashes.append(digest.digest())
        first += rows
    return hashes


def hash_of_games(game_ids: Iterable[str], hashes: Iterable[bytes]) -> str:
    """Return the hash (hex) of games in order: SHA-256 over each id in UTF-8, a line feed, and the game's hash."""
    digest = hashlib.sha256()
    for game_id, found in zip(game_ids, hashes, strict=True):
        digest.update(f"{game_id}\n".encode() + found)
    return digest.hexdigest()


def fingerprint_of_games(games: pl.DataFrame, contract: FeatureContract) -> str:
    """Return the identity of a dataset from its games, for contracts from `HASHED_BY_GAME` on.

    SHA-256 (hex) over the line ``<contract name> <version> <digest> <number of examples>``, then for each game the line
    ``<id> <weight>`` and the game's hash. The weight is written as Python's shortest decimal form.

    Args:
        games: game_id, examples, hash, weight; in training order.
        contract: the contract of the examples.
    """
    digest = hashlib.sha256(_header(contract, int(games["examples"].sum())))
    for game_id, weight, found in games.select("game_id", "weight", "hash").iter_rows():
        digest.update(f"{game_id} {weight!r}\n".encode() + found)
    return digest.hexdigest()


def fingerprint_of_examples(frame: pl.DataFrame, contract: FeatureContract) -> str:
    """Return the identity of a dataset from its examples, for contracts before `HASHED_BY_GAME`.

    SHA-256 (hex) over the concatenation of

    - the line ``<contract name> <version> <digest> <number of examples>``,
    - the game id of each example in UTF-8, followed by a line feed,
    - the round numbers as little-endian int64,
    - the features row by row as little-endian float64, with -0.0 written as 0.0,
    - the labels as int8.

    Args:
        frame: game_id, round_no, the columns of `contract`, label; in training order.
        contract: the columns to hash.
    """
    digest = hashlib.sha256(_header(contract, len(frame)))
    for part in frame.select("game_id").iter_slices(ROWS_AT_A_TIME):
        digest.update("".join(f"{game_id}\n" for game_id in part["game_id"]).encode())
    digest.update(np.ascontiguousarray(frame["round_no"].to_numpy(), dtype="<i8").data)
    for part in frame.select(contract.columns).iter_slices(ROWS_AT_A_TIME):
        digest.update(_canonical_features(part, contract).data)
    digest.update(np.ascontiguousarray(frame["label"].to_numpy(), dtype="i1").data)
    return digest.hexdigest()


def _header(contract: FeatureContract, examples: int) -> bytes:
    return f"{contract.name} {contract.version} {contract.digest} {examples}\n".encode()


def _canonical_features(examples: pl.DataFrame, contract: FeatureContract) -> npt.NDArray[np.float64]:
    values = np.ascontiguousarray(examples.select(contract.columns).to_numpy(order="c", writable=True), dtype="<f8")
    # Adding 0.0 turns -0.0 into 0.0: equal numbers must hash equal.
    values += 0.0
    return values
