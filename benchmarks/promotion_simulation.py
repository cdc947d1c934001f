"""Simulate repeated decisions of the promotion policies: rate of false swaps, and games until a right one.

    python -m benchmarks.promotion_simulation

Games arrive one by one, a draw decides which side plays, and each policy decides after every game, up to 500 games a
side on average. A retraining every few games starts a generation: unpaired games of the generation before lose their
partner, and the level of all players may drift. The former rule starts at zero at each retraining, because it compared
versions. All rules see the same games. Prints the tables of `docs/promotion.md`, writes the numbers with the seed to
`benchmarks/results/promotion.json` and the plot to `docs/images/promotion-policies.png`.
"""

import argparse
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.separating_rates import log_evidence as former_evidence
from rps_core.markdown import markdown_table
from rps_core.promotion.evidence import log_evidence
from rps_core.promotion.rules import PromotionRules

SEED, REPETITIONS, GAMES_A_SIDE = 20_261_128, 10_000, 500
ROOT = Path(__file__).parents[1]
RESULTS, PICTURE = ROOT / "benchmarks/results/promotion.json", ROOT / "docs/images/promotion-policies.png"
RULES = ("lead", "z_test", "former", "sequential")
LEADS = (0.0, 0.05, 0.10, 0.20)
NEVER = 0
COLOURS = {"lead": "#d55e00", "z_test": "#e69f00", "former": "#999999", "sequential": "#0072b2"}

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


class Scenario(NamedTuple):
    """How games come about.

    Attributes:
        rate: chance of Production to win, on average.
        lead: how much higher B's chance is.
        retrain_every: games of both sides between two retrainings; 0 for never.
        drift: largest shift of both chances in a generation.
        b_share: share of the games that B plays.
    """

    rate: float = 0.5
    lead: float = 0.0
    retrain_every: int = NEVER
    drift: float = 0.0
    b_share: float = 0.5


class Courses(NamedTuple):
    """Counts after each game of each repetition, each of shape (repetitions, games).

    The counts of a generation start at zero at each retraining; pairs add up over generations.
    """

    b_wins: Ints
    b_games: Ints
    wins: Ints
    games: Ints
    generation: Ints
    b_pairs: Ints
    pairs: Ints

    def at(self, where: Any) -> "Courses":
        """Return the counts at an index."""
        return Courses(*(counts[where] for counts in self))


class Outcome(NamedTuple):
    """Decisions of a rule.

    Attributes:
        swapped: share of the repetitions with a swap.
        median: games a side until half of all repetitions had a swap; None if fewer had one.
    """

    swapped: float
    median: float | None


def simulate(scenario: Scenario, repetitions: int, games_a_side: int, rng: np.random.Generator) -> Courses:
    """Simulate games and pair them within their generations, in the order in which they came."""
    shape = (repetitions, 2 * games_a_side)
    every = scenario.retrain_every or shape[1]
    generation = np.broadcast_to(np.arange(shape[1]) // every, shape)
    shift = rng.uniform(-scenario.drift, scenario.drift, (repetitions, generation.max() + 1))
    chance = scenario.rate + np.take_along_axis(shift, generation, axis=1)
    b_plays, luck = rng.random(shape) < scenario.b_share, rng.random(shape)
    won = luck < chance + np.where(b_plays, scenario.lead, 0.0)
    parts = (won & b_plays, b_plays, won & ~b_plays, ~b_plays)
    sums = [np.cumsum(part, axis=1, dtype=np.int64) for part in parts]
    return Courses(*sums, generation, *_paired(b_plays, won, every))


def _paired(b_plays: Bools, won: Bools, every: int) -> tuple[Ints, Ints]:
    """Return the pairs that only B, and only Production, has won after each game."""
    repetitions, n = b_plays.shape
    rows = np.arange(repetitions)
    results = np.zeros((2, repetitions, every + 1), dtype=bool)
    found = np.zeros((2, repetitions, n), dtype=np.int64)
    total = np.zeros((2, repetitions), dtype=np.int64)
    played = np.zeros((2, repetitions), dtype=np.int64)
    for game in range(n):
        if game % every == 0:
            played[:] = 0
        side = b_plays[:, game].astype(int)
        place = played[side, rows]
        results[side, rows, place] = won[:, game]
        played[side, rows] += 1
        paired = played[1 - side, rows] > place
        b_won, won_too = results[1, rows, place], results[0, rows, place]
        total[0] += paired & b_won & ~won_too
        total[1] += paired & won_too & ~b_won
        found[:, :, game] = total
    return found[0], found[1]


def first_swaps(courses: Courses, rule: str, rules: PromotionRules) -> Floats:
    """Return for each repetition the games a side at its first swap, infinite without a swap."""
    swaps = _VECTORISED[rule](courses, rules)
    return np.where(swaps.any(axis=1), (swaps.argmax(axis=1) + 1.0) / 2, np.inf)


def outcome(first: Floats) -> Outcome:
    """Summarise the first swaps of many repetitions."""
    middle = float(np.quantile(first, 0.5, method="inverted_cdf"))
    return Outcome(float(np.isfinite(first).mean()), middle if math.isfinite(middle) else None)


def _may_swap(counts: Courses, needed: int) -> Bools:
    leads = counts.b_wins * counts.games > counts.wins * counts.b_games
    may: Bools = leads & (np.minimum(counts.b_games, counts.games) >= needed)
    return may


def _lead(counts: Courses, _rules: PromotionRules) -> Bools:
    return _may_swap(counts, PromotionRules(policy="lead").games_needed)


def _z_test(counts: Courses, rules: PromotionRules) -> Bools:
    b_games, games = np.maximum(counts.b_games, 1), np.maximum(counts.games, 1)
    pooled = (counts.b_wins + counts.wins) / (b_games + games)
    variance = pooled * (1 - pooled) * (1 / b_games + 1 / games)
    difference = counts.b_wins / b_games - counts.wins / games
    z = difference / np.sqrt(np.where(variance > 0, variance, np.inf))
    swaps: Bools = _may_swap(counts, rules.games_needed) & (z > NormalDist().inv_cdf(1 - rules.alpha))
    return swaps


def _sequential(counts: Courses, rules: PromotionRules) -> Bools:
    most = int(max(counts.b_pairs.max(), counts.pairs.max())) + 1
    logs = np.array([[log_evidence(won, lost) for lost in range(most)] for won in range(most)])
    enough = np.minimum(counts.b_games, counts.games) >= rules.games_needed
    swaps: Bools = enough & (logs[counts.b_pairs, counts.pairs] >= math.log(rules.threshold))
    return swaps


def _former(counts: Courses, rules: PromotionRules) -> Bools:
    """Apply the rule of the release before, whose counts started at zero at each retraining.

    It is slow, so it looks after every ten games, in an eighth of the repetitions.
    """
    fresh = _since_retraining(counts.at(slice(None, None, 8)))
    candidates = _may_swap(fresh, rules.games_needed) & (_lead_in_errors(fresh) > 2.6)
    candidates[:, np.arange(candidates.shape[1]) % 10 != 9] = False
    swaps = np.zeros_like(candidates)
    while (rows := np.flatnonzero(candidates.any(axis=1))).size:
        place = (rows, candidates[rows].argmax(axis=1))
        looked = fresh.at(place)
        swaps[place] = reached = former_evidence(looked.b_wins, looked.b_games, looked.wins, looked.games) >= math.log(
            1 / rules.alpha
        )
        candidates[place] = False
        candidates[rows[reached]] = False
    return swaps


def _lead_in_errors(counts: Courses) -> Floats:
    """Return the lead in standard errors; below 2.6, the former rule does not swap."""
    b_games, games = np.maximum(counts.b_games, 1), np.maximum(counts.games, 1)
    difference = counts.b_wins / b_games - counts.wins / games
    pooled = np.clip((counts.b_wins + counts.wins) / (b_games + games), 0.01, 0.99)
    leads: Floats = difference / np.sqrt(pooled * (1 - pooled) * (1 / b_games + 1 / games))
    return leads


def _since_retraining(counts: Courses) -> Courses:
    starts = np.flatnonzero(np.diff(counts.generation[0], prepend=-1))
    start_of = np.repeat(starts, np.diff(np.append(starts, counts.generation.shape[1])))
    fresh = []
    for total in counts[:4]:
        before = np.concatenate([np.zeros((len(total), 1), dtype=np.int64), total], axis=1)[:, start_of]
        fresh.append(total - before)
    return Courses(*fresh, *counts[4:])


_VECTORISED: Mapping[str, Callable[[Courses, PromotionRules], Bools]] = {
    "lead": _lead,
    "z_test": _z_test,
    "former": _former,
    "sequential": _sequential,
}
# One group of players counts: one chance, and a threshold of 1/alpha.
ONE_GROUP = PromotionRules(player_kinds=("human",))
NULLS = {
    "both 50 %": Scenario(),
    "both 30 %": Scenario(rate=0.3),
    "both 70 %": Scenario(rate=0.7),
    "B 5 points worse": Scenario(lead=-0.05),
}
BETTER = {f"B {round(100 * lead)} points better": Scenario(lead=lead) for lead in LEADS[1:]}
RETRAININGS = (NEVER, 100, 20, 3)
# With fewer games between two retrainings, the former rule never had thirty a side.
FORMER_RETRAINED = 100
CIRCUMSTANCES = {
    "equal": Scenario(),
    "drift of 10 points": Scenario(drift=0.1),
    "B plays twice as often": Scenario(b_share=2 / 3),
    "both": Scenario(drift=0.1, b_share=2 / 3),
}


def run(seed: int, repetitions: int, games_a_side: int) -> dict[str, Any]:
    """Simulate all scenarios; return the rows of the tables and the curves of the plot."""
    rng = np.random.default_rng(seed)
    policies, curves = list[dict[str, Any]](), dict[str, dict[str, list[float]]]()
    for name, scenario in (NULLS | BETTER).items():
        courses = simulate(scenario, repetitions, games_a_side, rng)
        found = {rule: first_swaps(courses, rule, ONE_GROUP) for rule in RULES}
        policies += [{"scenario": name, "rule": rule, **outcome(first)._asdict()} for rule, first in found.items()]
        games = np.arange(1, games_a_side + 1)
        curves[name] = {rule: [round(float((first <= n).mean()), 4) for n in games] for rule, first in found.items()}
    retrained = list[dict[str, Any]]()
    for every in RETRAININGS:
        cases = CIRCUMSTANCES | BETTER
        for name, scenario in cases.items():
            courses = simulate(scenario._replace(retrain_every=every), repetitions, games_a_side, rng)
            for rule in ("sequential", "former") if every == FORMER_RETRAINED else ("sequential",):
                found_here = outcome(first_swaps(courses, rule, ONE_GROUP))
                retrained.append({"retrain_every": every, "scenario": name, "rule": rule, **found_here._asdict()})
    return {
        "seed": seed,
        "repetitions": repetitions,
        "games_a_side": games_a_side,
        "policies": policies,
        "retrained": retrained,
        "curves": curves,
    }


def tables(results: Mapping[str, Any]) -> str:
    """Return the outcomes as Markdown tables: share of repetitions with a swap, and the median games a side."""
    by_rule = _cells(results["policies"], lambda row: row["rule"])
    first = markdown_table(("Policy", *(NULLS | BETTER)), [(rule, *cells) for rule, cells in by_rule.items()])
    by_case = _cells(results["retrained"], lambda row: (row["rule"], row["retrain_every"]))
    rows = [
        (rule, "never" if every == NEVER else f"every {every} games", *cells)
        for (rule, every), cells in sorted(by_case.items(), key=lambda case: (case[0][0], -(case[0][1] or 1_000)))
    ]
    second = markdown_table(("Rule", "Retraining", *(CIRCUMSTANCES | BETTER)), rows)
    return f"{first}\n\n{second}"


def _cells(rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], Any]) -> dict[Any, list[str]]:
    cells: dict[Any, list[str]] = {}
    for row in rows:
        is_right = row["scenario"] in BETTER
        median = f" ({row['median']:.0f})" if is_right and row["median"] is not None else ""
        cells.setdefault(key(row), []).append(f"{100 * row['swapped']:.1f} %{median}")
    return cells


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw the share of repetitions with a swap over the games a side, for three scenarios."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = {
        "both 50 %": "Both win 50 %: every swap is false",
        "B 10 points better": "50 % against 60 %",
        "B 20 points better": "50 % against 70 %",
    }
    for axes, (key, title) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
        for rule, shares in results["curves"][key].items():
            axes.plot(range(1, len(shares) + 1), shares, color=COLOURS[rule], label=rule)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("games a side")
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e4e7eb")
    first, *_ = figure.axes
    first.axhline(0.05, color="#52606d", linestyle=":", label="alpha, 5 %")
    first.set_ylabel("comparisons with a swap so far")
    first.legend(frameon=False, loc="center right")
    note = f"without retraining, asked after every game; {results['repetitions']:,} comparisons, seed {results['seed']}"
    figure.supxlabel(note, fontsize=8, color="#52606d")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.repetitions} repetitions, up to {GAMES_A_SIDE} games a side")
    results = run(options.seed, options.repetitions, GAMES_A_SIDE)
    print(tables(results))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({key: value for key, value in results.items() if key != "curves"}, indent=1) + "\n")
    draw(results, PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
