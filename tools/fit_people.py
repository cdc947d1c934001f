"""Fit the parameters of simulated people from recordings of classic games.

    .venv/bin/python -m tools.fit_people FILE... --shares-from FILE --source "…" --licence "…" --output parameters.json

A file is anything that `rps import-rounds` reads. The fit is EM over a mixture of multinomial logits
(`rps_core.simulation.people.crowd`), each with a ridge penalty and a lapse rate. The shares of the types are estimated
again on the people of `--shares-from`, who met adaptive bots. The weights of what choices paid are multiplied by
`--reactivity`: fitted on recordings alone, simulated people react too little to a bot that reads them.

It prints bits a round and the accuracy by file, for rounds 4 to 30 and for all; with `--folds 5` also for people that
the fit has not seen.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from rps_cli.importers.rounds import read_games
from rps_core.game.moves import MOVE_INDEX
from rps_core.simulation.people.crowd import (
    GENERIC,
    OPPONENT_STEPS,
    TERMS,
    WEIGHTS,
    Memory,
    Round,
    contexts_of,
    lateness,
)

Array = npt.NDArray[Any]
ITERATIONS = 40
# Standard deviation 0.5 of a weight before any round is seen.
RIDGE = 4.0
NEWTON_STEPS = 2
# A type learns from people that are at least this likely to be of it.
LEAST_RESPONSIBILITY = 0.01
FIRST_LAPSE = 0.02
# Pseudo-counts of the first moves.
FIRST_MOVE_PRIOR = 10.0


class Decisions(NamedTuple):
    """All decisions but the first of each person, sorted by round.

    Attributes:
        terms: float32 (n, 3, WEIGHTS), of staying, up and down.
        steps: the step that was taken.
        people: number of the person.
        round_no: number of the round.
    """

    terms: Array
    steps: Array
    people: Array
    round_no: Array


class Fit(NamedTuple):
    """A mixture: weights (types, WEIGHTS), lapses and shares (types,)."""

    weights: Array
    lapses: Array
    shares: Array


def read_moves(paths: Sequence[Path]) -> tuple[list[Array], list[str]]:
    """Return the moves of each recorded person, int (rounds, 2), and the name of the file of each."""
    people, files = [], []
    for path in paths:
        games, report = read_games(path)
        for game in games:
            moves = [
                (MOVE_INDEX[played.user_move], MOVE_INDEX[played.bot_move])
                for played in game.rounds
                if {played.user_move, played.bot_move} <= set(MOVE_INDEX)
            ]
            if len(moves) > 3:
                people.append(np.array(moves))
                files.append(path.name)
        skipped = sum(tally.count for tally in report.skipped.values())
        _say(f"{path.name}: {files.count(path.name)} people, {skipped} games or rows skipped")
    return people, files


def decisions_of(people: Sequence[Array]) -> Decisions:
    """Return what each person knew before each round, and what it did."""
    moves, found = _pad(people), []
    lengths = np.array([len(each) for each in people])
    memory, rounds = Memory(len(people)), [Round(moves[:, 0, 0], moves[:, 0, 1])]
    memory.add([], rounds[0])
    for number in range(2, moves.shape[1] + 1):
        played = Round(moves[:, number - 1, 0], moves[:, number - 1, 1])
        active = np.flatnonzero(lengths >= number)
        terms = _terms(memory, rounds[-2:], number)[active].astype(np.float32)
        step = ((played.own - rounds[-1].own) % 3)[active]
        found.append(Decisions(terms, step, active, np.full(len(active), number)))
        memory.add(rounds[-2:], played)
        rounds.append(played)
    return Decisions(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _pad(people: Sequence[Array]) -> Array:
    moves = np.zeros((len(people), max(map(len, people)), 2), np.int64)
    for number, each in enumerate(people):
        moves[number, : len(each)] = each
    return moves


def _terms(memory: Memory, rounds: list[Round], number: int) -> Array:
    generic = memory.terms(rounds)
    terms = np.zeros((len(generic), 3, WEIGHTS))
    context, opponent_step = contexts_of(rounds)
    rows = np.arange(len(generic))
    for step in (1, 2):
        terms[rows, step, 2 * context + step - 1] = 1.0
        if opponent_step is not None:
            terms[rows, step, OPPONENT_STEPS + 2 * opponent_step + step - 1] = 1.0
    terms[:, :, GENERIC : GENERIC + len(TERMS)] = generic
    terms[:, :, GENERIC + len(TERMS) :] = generic * lateness(number)
    return terms


def fit(decisions: Decisions, count: int, types: int, seed: int) -> Fit:
    """Fit a mixture by EM; people start in clusters of what they do after a draw, a win and a loss."""
    responsibility = _first_responsibilities(decisions, count, types, seed)
    weights, lapses = np.zeros((types, WEIGHTS)), np.full(types, FIRST_LAPSE)
    for iteration in range(ITERATIONS):
        shares = responsibility.mean(0)
        for kind in range(types):
            weights[kind], lapses[kind] = _fit_type(decisions, responsibility[:, kind], weights[kind], lapses[kind])
        found = Fit(weights, lapses, shares)
        responsibility, bits = _responsibilities(decisions, found, count)
        if iteration % 10 == 9:
            _say(f"iteration {iteration + 1}: {bits:.4f} bits a round")
    return Fit(weights, lapses, responsibility.mean(0))


def _first_responsibilities(decisions: Decisions, count: int, types: int, seed: int) -> Array:
    if types == 1:
        return np.ones((count, 1))
    # The first nine contexts of two weights say what the result and the step before were.
    contexts = decisions.terms[:, 1, 0:24:2].argmax(1)
    table = np.ones((count, 12, 3))
    np.add.at(table, (decisions.people, contexts, decisions.steps), 1.0)
    shares = (table / table.sum(2, keepdims=True)).reshape(count, -1)
    labels = KMeans(types, n_init=10, random_state=seed).fit_predict(shares)
    return 0.9 * np.eye(types)[labels] + 0.1 / types


def _fit_type(decisions: Decisions, responsibility: Array, weights: Array, lapse: float) -> tuple[Array, float]:
    """Return weights and lapse after a few Newton steps; a lapsed round does not count for the weights."""
    mine = np.flatnonzero(responsibility[decisions.people] > LEAST_RESPONSIBILITY)
    terms, steps = decisions.terms[mine], decisions.steps[mine]
    responsible = responsibility[decisions.people[mine]]
    flat = terms.reshape(-1, WEIGHTS)
    for _ in range(NEWTON_STEPS):
        chosen = _softmax(terms @ weights.astype(np.float32))
        probability = chosen[np.arange(len(mine)), steps]
        attentive = (1 - lapse) * probability / ((1 - lapse) * probability + lapse / 3)
        lapse = float(np.clip(1 - np.average(attentive, weights=responsible), 1e-3, 0.2))
        weight = (responsible * attentive).astype(np.float32)
        residual = -chosen
        residual[np.arange(len(mine)), steps] += 1
        gradient = flat.T @ (weight[:, None] * residual).reshape(-1) - RIDGE * weights
        mean = np.einsum("ns,nsw->nw", chosen, terms)
        spread = flat.T @ (flat * (weight[:, None] * chosen).reshape(-1, 1)) - mean.T @ (mean * weight[:, None])
        weights = weights + np.linalg.solve(spread + RIDGE * np.eye(WEIGHTS), gradient)
    return weights, lapse


def _softmax(utility: Array) -> Array:
    odds = np.exp(utility - utility.max(1, keepdims=True))
    shares: Array = odds / odds.sum(1, keepdims=True)
    return shares


def _likelihoods(decisions: Decisions, found: Fit) -> Array:
    """Return the probability of each step by type, float64 (n, 3, types)."""
    chosen = _softmax(decisions.terms @ found.weights.T.astype(np.float32)).astype(np.float64)
    mixed: Array = (1 - found.lapses) * chosen + found.lapses / 3
    return mixed


def _responsibilities(decisions: Decisions, found: Fit, count: int) -> tuple[Array, float]:
    taken = _likelihoods(decisions, found)[np.arange(len(decisions.steps)), decisions.steps]
    logs = np.zeros((count, len(found.shares)))
    np.add.at(logs, decisions.people, np.log(taken))
    logs += np.log(found.shares)
    highest = logs.max(1, keepdims=True)
    odds = np.exp(logs - highest)
    total = float((highest[:, 0] + np.log(odds.sum(1))).sum())
    return odds / odds.sum(1, keepdims=True), -total / len(decisions.steps) / np.log(2)


def predicted(decisions: Decisions, found: Fit, count: int) -> Array:
    """Return the probability of each step before each round; what a person did so far says which type it is."""
    likelihoods = _likelihoods(decisions, found)
    logs = np.tile(np.log(found.shares), (count, 1))
    mixed = np.empty(likelihoods.shape[:2])
    # Decisions are sorted by round, and each person has one in each round.
    for rows in _by_round(decisions.round_no):
        people = decisions.people[rows]
        belief = np.exp(logs[people] - logs[people].max(1, keepdims=True))
        belief /= belief.sum(1, keepdims=True)
        mixed[rows] = np.einsum("nst,nt->ns", likelihoods[rows], belief)
        logs[people] += np.log(likelihoods[rows, decisions.steps[rows]])
    return mixed


def _by_round(round_no: Array) -> Iterator[Array]:
    cuts = np.flatnonzero(np.diff(round_no)) + 1
    yield from np.split(np.arange(len(round_no)), cuts)


def judge(decisions: Decisions, probabilities: Array, files: Sequence[str], title: str) -> None:
    """Print bits a round and accuracy by file and window, as means over people."""
    right = probabilities.argmax(1) == decisions.steps
    bits = -np.log2(probabilities[np.arange(len(right)), decisions.steps])
    for name in sorted(set(files)):
        of_file = np.array([file == name for file in files])[decisions.people]
        for last in (30, int(decisions.round_no.max())):
            rows = of_file & (decisions.round_no >= 4) & (decisions.round_no <= last)
            people = np.bincount(decisions.people[rows], minlength=len(files))
            means = [np.bincount(decisions.people[rows], value[rows], len(files)) for value in (bits, right)]
            found = [float((mean[people > 0] / people[people > 0]).mean()) for mean in means]
            _say(f"{title}, {name}, rounds 4-{last}: {found[0]:.3f} bits, accuracy {found[1]:.3f}")


def cross_validate(people: Sequence[Array], files: Sequence[str], decisions: Decisions, options: Any) -> None:
    """Judge people that the fit has not seen."""
    fold_of = np.random.default_rng(options.seed).permutation(len(people)) % options.folds
    probabilities = np.empty((len(decisions.steps), 3))
    for fold in range(options.folds):
        seen = fold_of[decisions.people] != fold
        part = Decisions(*(column[seen] for column in decisions))
        found = fit(part, len(people), options.types, options.seed)
        probabilities[~seen] = predicted(Decisions(*(column[~seen] for column in decisions)), found, len(people))
    judge(decisions, probabilities, files, f"{options.folds} folds over people")


def shares_of(decisions: Decisions, found: Fit, chosen: Array) -> Array:
    """Return the shares of the types among the chosen people, by EM with everything else fixed."""
    rows = chosen[decisions.people]
    mine = Decisions(*(column[rows] for column in decisions))
    for _ in range(100):
        responsibility, _ = _responsibilities(mine, found, len(chosen))
        found = found._replace(shares=responsibility[chosen].mean(0))
    return found.shares


def document(found: Fit, people: Sequence[Array], options: Any) -> dict[str, Any]:
    """Return the parameter file, with weights of two decimals."""
    first = np.bincount([int(each[0, 0]) for each in people], minlength=3) + FIRST_MOVE_PRIOR / 3
    scale = np.ones(WEIGHTS)
    for number, name in enumerate(TERMS):
        if name.startswith("paid"):
            scale[[GENERIC + number, GENERIC + len(TERMS) + number]] = options.reactivity
    return {
        "source": options.source,
        "licence": options.licence,
        "fitted_by": "tools/fit_people.py",
        "first_move": [round(float(share), 3) for share in first / first.sum()],
        "types": [
            {
                "share": round(float(share), 3),
                "lapse": round(float(lapse), 3),
                "weights": [round(float(weight), 2) for weight in weights * scale],
            }
            for share, lapse, weights in zip(found.shares, found.lapses, found.weights, strict=True)
        ],
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, print how well the people are predicted, and write the parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--shares-from", type=Path, help="estimate the shares of the types on this file only")
    parser.add_argument("--types", type=int, default=6)
    parser.add_argument("--folds", type=int, default=0, help="also judge unseen people, by so many folds")
    parser.add_argument("--reactivity", type=float, default=1.75)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--source", default="", help="where the recordings come from, for the parameter file")
    parser.add_argument("--licence", default="", help="licence of the recordings")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    people, files = read_moves([*options.files, *({options.shares_from} - {None} - set(options.files))])
    decisions = decisions_of(people)
    if options.folds:
        cross_validate(people, files, decisions, options)
    found = fit(decisions, len(people), options.types, options.seed)
    judge(decisions, predicted(decisions, found, len(people)), files, "seen people")
    if options.shares_from:
        chosen = np.array([file == options.shares_from.name for file in files])
        found = found._replace(shares=shares_of(decisions, found, chosen))
    text = json.dumps(document(found, people, options), indent=1)
    if options.output:
        options.output.write_text(text + "\n")
    else:
        _say(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
