"""Simulate repeated decisions of the promotion policies: rate of false swaps, and games until a right one.

    python -m benchmarks.promotion_simulation

Games arrive one by one, and a coin decides which side plays. Each policy decides after every game or every ten games,
up to 500 games a side on average. All policies see the same games. Prints the table of `docs/promotion.md`, writes the
numbers with the seed to `benchmarks/results/promotion.json` and the plot to `docs/images/promotion-policies.png`.
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

from rps_core.markdown import markdown_table
from rps_core.promotion.rules import PolicyName, PromotionRules
from rps_core.promotion.sequential import log_evidence
from tests.builders.martingale import log_martingale

SEED, REPETITIONS, GAMES_A_SIDE = 20_261_125, 4_000, 500
ROOT = Path(__file__).parents[1]
RESULTS, PICTURE = ROOT / "benchmarks/results/promotion.json", ROOT / "docs/images/promotion-policies.png"
POLICIES: tuple[PolicyName, ...] = ("lead", "z_test", "sequential")
# Production's win rate, and B's lead over it.
NO_BETTER = ((0.5, 0.0), (0.3, 0.0), (0.7, 0.0), (0.5, -0.05))
BETTER = ((0.5, 0.05), (0.5, 0.10), (0.5, 0.20))
# Small leads need more games: a longer simulation with fewer repetitions.
PATIENT_GAMES_A_SIDE = 4_000
COLOURS = {"lead": "#d55e00", "z_test": "#e69f00", "sequential": "#0072b2"}

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]


class Courses(NamedTuple):
    """Counts after each game of each repetition, each of shape (repetitions, games)."""

    b_wins: Ints
    b_games: Ints
    wins: Ints
    games: Ints

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


def simulate(rate: float, lead: float, repetitions: int, games_a_side: int, rng: np.random.Generator) -> Courses:
    """Simulate games; Production wins with probability `rate`, B with `rate + lead`."""
    shape = (repetitions, 2 * games_a_side)
    b_plays, luck = rng.random(shape) < 0.5, rng.random(shape)
    won = luck < np.where(b_plays, rate + lead, rate)
    parts = (won & b_plays, b_plays, won & ~b_plays, ~b_plays)
    return Courses(*(np.cumsum(part, axis=1, dtype=np.int64) for part in parts))


def first_swaps(courses: Courses, rules: PromotionRules, every: int = 1) -> NDArray[np.float64]:
    """Return for each repetition the games a side at its first swap, infinite without a swap."""
    looks = courses.at((slice(None), slice(every - 1, None, every)))
    swaps = _VECTORISED[rules.policy](looks, rules)
    return _first(swaps, every)


def outcome(first: NDArray[np.float64]) -> Outcome:
    """Summarise the first swaps of many repetitions."""
    middle = float(np.quantile(first, 0.5, method="inverted_cdf"))
    return Outcome(float(np.isfinite(first).mean()), middle if math.isfinite(middle) else None)


def _first(swaps: Bools, every: int) -> NDArray[np.float64]:
    looks = np.where(swaps.any(axis=1), swaps.argmax(axis=1) + 1.0, np.inf)
    return looks * every / 2


def _may_swap(counts: Courses, needed: int) -> Bools:
    leads = counts.b_wins * counts.games > counts.wins * counts.b_games
    may: Bools = leads & (np.minimum(counts.b_games, counts.games) >= needed)
    return may


def _lead(counts: Courses, rules: PromotionRules) -> Bools:
    return _may_swap(counts, rules.games_needed)


def _z(counts: Courses) -> NDArray[np.float64]:
    b_games, games = np.maximum(counts.b_games, 1), np.maximum(counts.games, 1)
    pooled = (counts.b_wins + counts.wins) / (b_games + games)
    variance = pooled * (1 - pooled) * (1 / b_games + 1 / games)
    difference = counts.b_wins / b_games - counts.wins / games
    z: NDArray[np.float64] = difference / np.sqrt(np.where(variance > 0, variance, np.inf))
    return z


def _z_test(counts: Courses, rules: PromotionRules) -> Bools:
    critical = NormalDist().inv_cdf(1 - rules.alpha)
    return _may_swap(counts, rules.games_needed) & (_z(counts) > critical)


def _sequential(counts: Courses, rules: PromotionRules) -> Bools:
    """Compute the evidence only where an upper bound allows a swap, and only until the first swap of a repetition."""
    needed = math.log(1 / rules.alpha)
    candidates = _may_swap(counts, rules.games_needed)
    candidates[candidates] = _upper_bound(counts.at(candidates)) >= needed
    swaps = np.zeros_like(candidates)
    while (rows := np.flatnonzero(candidates.any(axis=1))).size:
        place = (rows, candidates[rows].argmax(axis=1))
        swaps[place] = reached = log_evidence(*counts.at(place)) >= needed
        candidates[place] = False
        candidates[rows[reached]] = False
    return swaps


def _upper_bound(counts: Courses) -> NDArray[np.float64]:
    """Return ln M at the pooled rate, an upper bound of ln E."""
    wins, total = counts.b_wins + counts.wins, counts.b_games + counts.games
    log_odds = np.log((wins + 0.5) / (total - wins + 0.5))
    parts = [slice(start, start + 20_000) for start in range(0, wins.size, 20_000)]
    bounds = [log_martingale(*counts.at(part), log_odds[part]) for part in parts]
    return np.concatenate([np.empty(0), *bounds])


_VECTORISED: Mapping[PolicyName, Callable[[Courses, PromotionRules], Bools]] = {
    "lead": _lead,
    "z_test": _z_test,
    "sequential": _sequential,
}


def _universal(counts: Courses, rules: PromotionRules) -> Bools:
    """Universal inference: both rates averaged over uniform priors, against the best equal rate. Rejected."""
    from scipy.special import betaln, xlogy

    wins, total = counts.b_wins + counts.wins, counts.b_games + counts.games
    average = betaln(counts.b_wins + 1, counts.b_games - counts.b_wins + 1)
    average = average + betaln(counts.wins + 1, counts.games - counts.wins + 1)
    best_equal = xlogy(wins, wins / total) + xlogy(total - wins, 1 - wins / total)
    swaps: Bools = _may_swap(counts, rules.games_needed) & (average - best_equal >= math.log(1 / rules.alpha))
    return swaps


def _normal_mixture(counts: Courses, rules: PromotionRules, spread: float = 0.1) -> Bools:
    """Mixture SPRT on the difference of the rates as if it were normal with known variance. Rejected."""
    b_games, games = np.maximum(counts.b_games, 1), np.maximum(counts.games, 1)
    pooled = (counts.b_wins + counts.wins) / (b_games + games)
    variance = np.maximum(pooled * (1 - pooled), 1e-9) * (1 / b_games + 1 / games)
    shrink = variance / (variance + spread**2)
    log_ratio = 0.5 * np.log(shrink) + (1 - shrink) * _z(counts) ** 2 / 2
    swaps: Bools = _may_swap(counts, rules.games_needed) & (log_ratio >= math.log(1 / rules.alpha))
    return swaps


def _one_look(counts: Courses, rules: PromotionRules) -> Bools:
    """Test once, at the end. Rejected, because play has no end."""
    swaps = _z_test(counts, rules)
    swaps[:, :-1] = False
    return swaps


_REJECTED = {"universal inference": _universal, "normal mixture": _normal_mixture, "one look": _one_look}


def run(seed: int, repetitions: int, games_a_side: int) -> dict[str, Any]:
    """Simulate all scenarios; return the rows of the table and the curves of the plot."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    curves: dict[str, dict[str, list[float]]] = {}
    for rate, lead in (*NO_BETTER, *BETTER):
        courses = simulate(rate, lead, repetitions, games_a_side, rng)
        found: dict[tuple[str, int], NDArray[np.float64]] = {
            (policy, every): first_swaps(courses, PromotionRules(policy=policy), every)
            for policy in POLICIES
            for every in (1, 10)
        }
        found |= {(name, 1): _first(rule(courses, PromotionRules()), 1) for name, rule in _REJECTED.items()}
        for (name, every), first in found.items():
            rows.append({"rate": rate, "lead": lead, "rule": name, "every": every, **outcome(first)._asdict()})
        games = np.arange(1, games_a_side + 1)
        curves[f"{rate}{lead:+}"] = {
            policy: [round(float((found[policy, 1] <= n).mean()), 4) for n in games] for policy in POLICIES
        }
    return {
        "seed": seed,
        "repetitions": repetitions,
        "games_a_side": games_a_side,
        "rows": rows,
        "patient": patience(rng, repetitions // 10),
        "curves": curves,
    }


def patience(rng: np.random.Generator, repetitions: int) -> list[dict[str, Any]]:
    """Simulate the default policy much longer, with no lead and with a lead of five points."""
    rows = []
    for lead in (0.0, 0.05):
        courses = simulate(0.5, lead, repetitions, PATIENT_GAMES_A_SIDE, rng)
        found = outcome(first_swaps(courses, PromotionRules(), every=10))
        rows.append({"lead": lead, "games_a_side": PATIENT_GAMES_A_SIDE, "repetitions": repetitions, **found._asdict()})
    return rows


def table(results: Mapping[str, Any]) -> str:
    """Return the outcomes as a Markdown table: share of repetitions with a swap, and the median games a side."""
    scenarios = (*NO_BETTER, *BETTER)
    head = [f"Production {rate:.0%}, B {rate + lead:.0%}" for rate, lead in scenarios]
    cells: dict[tuple[str, int], list[str]] = {}
    for row in results["rows"]:
        median = f" ({row['median']:.0f})" if row["lead"] > 0 and row["median"] is not None else ""
        cells.setdefault((row["rule"], row["every"]), []).append(f"{row['swapped']:.1%}{median}")
    rows = [(rule, "every game" if every == 1 else f"{every} games", *texts) for (rule, every), texts in cells.items()]
    return markdown_table(("Rule", "Asked after", *head), rows)


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw the share of repetitions with a swap over the games a side, for three scenarios."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = {
        "0.5+0.0": "Both win 50 %: every swap is false",
        "0.5+0.1": "50 % against 60 %",
        "0.5+0.2": "50 % against 70 %",
    }
    for axes, (key, title) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
        for policy, shares in results["curves"][key].items():
            axes.plot(range(1, len(shares) + 1), shares, color=COLOURS[policy], label=policy)
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
    note = f"asked after every game; {results['repetitions']:,} comparisons, seed {results['seed']}"
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
    print(table(results))
    print(*results["patient"], sep="\n")
    RESULTS.write_text(json.dumps({key: value for key, value in results.items() if key != "curves"}, indent=1) + "\n")
    draw(results, PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
