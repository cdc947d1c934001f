"""The command that plays: `rps simulate`."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, cast

import typer

from rps_cli.shared import AsJson, Seed, Url, draw_seed, open_api, to_stderr
from rps_core.api_client import ApiClient
from rps_core.game.opponents import POLICIES
from rps_core.settings import load_settings
from rps_core.simulation.people.priors import DEFAULT_VALUE_PRIOR, VALUE_PRIORS, ValuePrior
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS


def simulate(
    games: Annotated[int, typer.Option(min=1, max=100_000, help="Number of games.")] = 24,
    seed: Seed = None,
    url: Url = None,
    user: Annotated[
        str | None,
        typer.Option(
            help=f"One player for all games: {', '.join(SCRIPTED_PLAYERS)}, random, or people: simulated people who "
            "react to the bot. Default: all eight."
        ),
    ] = None,
    bot: Annotated[
        str | None,
        typer.Option(
            "--bot", "--opponent", help=f"One opponent for all games: {', '.join(POLICIES)}. Default: all three."
        ),
    ] = None,
    clients: Annotated[
        int, typer.Option("--clients", "--concurrency", min=1, max=256, help="Games under way at the same time.")
    ] = 8,
    missing: Annotated[
        bool, typer.Option("--missing", help="Play only what a new installation lacks: games that exist count.")
    ] = False,
    games_each: Annotated[
        int,
        typer.Option(
            "--games-each", min=1, max=1_000, help="With --user people: games of each person, in one session."
        ),
    ] = 1,
    values: Annotated[
        str,
        typer.Option(
            "--values", help=f"With --user people: how much they weigh the values of moves: {', '.join(VALUE_PRIORS)}."
        ),
    ] = DEFAULT_VALUE_PRIOR,
    as_json: AsJson = False,
) -> None:
    """Let scripted players or simulated people play games against a running API, and report the results.

    Every game is played to its end, because unfinished games would distort counters and promotions. The games are
    marked as scripted, so statistics of human players leave them out. Games of simulated people are marked as
    simulated: no statistic counts them, and no model learns from them. Progress goes to standard error, the report to
    standard output. With --missing, nothing is played once a model is served.

    Exit code 0 if all games ended, 1 if one failed or the API does not answer, 2 for wrong arguments.

    Example: rps simulate --games 500 --user cal --bot forrest --clients 4 --seed 7

    rps simulate --games 200 --user people --games-each 20
    """
    from rps_core.simulation.simulator import PEOPLE_PLAYER, RANDOM_PLAYER, PlayOptions, plan_games, play_games

    players = _chosen(user, SCRIPTED_PLAYERS, (*SCRIPTED_PLAYERS, RANDOM_PLAYER, PEOPLE_PLAYER))
    are_people = players == (PEOPLE_PLAYER,)
    (prior,) = _chosen(values, (), VALUE_PRIORS)
    if not are_people and (games_each > 1 or prior != DEFAULT_VALUE_PRIOR):
        raise typer.BadParameter("--games-each and --values need --user people")
    # The original's easy opponents are retired; the normal ones take their place.
    policies = _chosen(bot and bot.strip().lower().removesuffix("_easy"), POLICIES, POLICIES)
    api = open_api(load_settings(), url)
    api.require_alive()
    if missing:
        games = _missing_games(api, games)
        if games == 0:
            typer.echo(json.dumps({"games": 0}) if as_json else "no game is missing")
            return
    seed = draw_seed(seed)
    plan = plan_games(games, seed=seed, players=players, policies=policies)
    to_stderr(f"playing {games} games against {api.base_url} with seed {seed}")
    options = PlayOptions(
        player_kind="simulated" if are_people else "scripted",
        progress=show_progress,
        concurrency=clients,
        games_each=games_each,
        value_prior=cast(ValuePrior, prior),
    )
    report = play_games(api.base_url, plan, seed=seed, options=options)
    typer.echo(json.dumps(report.as_dict() | {"seed": seed}, indent=2) if as_json else str(report))
    if report.failed:
        raise typer.Exit(1)


def _missing_games(api: ApiClient, wanted: int) -> int:
    return 0 if api.served_models() else max(wanted - int(api.get("/stats/global")["total_games"]), 0)


def _chosen(name: str | None, default: tuple[str, ...], allowed: Sequence[str]) -> tuple[str, ...]:
    if name is None:
        return default
    if name.strip().lower() not in allowed:
        raise typer.BadParameter(f"{name!r} does not exist; use one of {', '.join(allowed)}")
    return (name.strip().lower(),)


def show_progress(done: int, total: int) -> None:
    """Show how many games are done: in place on a terminal, otherwise a line for each tenth."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {total} games" + ("\n" if done == total else ""))
        sys.stderr.flush()
    elif done * 10 // total > (done - 1) * 10 // total:
        to_stderr(f"{done} of {total} games")
