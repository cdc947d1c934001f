"""The command that plays: `rps simulate`."""

import json
import secrets
import sys
from typing import Annotated

import typer

from rps_cli.shared import AsJson, Url, open_api
from rps_core.game.opponents import POLICIES
from rps_core.settings import load_settings
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS


def simulate(
    games: Annotated[int, typer.Option(min=1, max=100_000, help="How many games.")] = 24,
    seed: Annotated[
        int | None, typer.Option(help="Seed of what the players draw; one is drawn and shown where none is given.")
    ] = None,
    url: Url = None,
    user: Annotated[
        str | None,
        typer.Option(help=f"One player for all games: {', '.join(SCRIPTED_PLAYERS)} or random. All eight otherwise."),
    ] = None,
    bot: Annotated[
        str | None,
        typer.Option(
            "--bot", "--opponent", help=f"One opponent for all games: {', '.join(POLICIES)}. All three otherwise."
        ),
    ] = None,
    clients: Annotated[
        int, typer.Option("--clients", "--concurrency", min=1, max=256, help="Games under way at the same time.")
    ] = 8,
    as_json: AsJson = False,
) -> None:
    """Let scripted players play whole games against a running API, and report.

    Every game is played to its end: half-played ones would distort counters and promotions. The games are marked as
    scripted, so that statistics of people leave them out. Progress goes to standard error, the report to standard
    output.

    Exit code 0 if all games came to their end, 1 if one failed or nobody answers, 2 for wrong arguments.

    Example: rps simulate --games 500 --user cal --bot forrest --clients 4 --seed 7
    """
    from rps_core.simulation.simulator import plan_games, play_games

    players, policies = _players(user), _policies(bot)
    api = open_api(load_settings(), url)
    # Each game would wait half a minute for an API that may be starting.
    api.get("/healthz")
    seed = secrets.randbits(32) if seed is None else seed
    plan = plan_games(games, seed=seed, players=players, policies=policies)
    typer.echo(f"playing {games} games against {api.base_url} with seed {seed}", err=True)
    report = play_games(api.base_url, plan, seed=seed, progress=show_progress, concurrency=clients)
    typer.echo(json.dumps(report.as_dict() | {"seed": seed}, indent=2) if as_json else str(report))
    if report.failed:
        raise typer.Exit(1)


def _players(user: str | None) -> tuple[str, ...]:
    from rps_core.simulation.simulator import RANDOM_PLAYER

    if user is None:
        return SCRIPTED_PLAYERS
    name = user.strip().lower()
    if name not in (*SCRIPTED_PLAYERS, RANDOM_PLAYER):
        raise typer.BadParameter(f"choose one of {', '.join(SCRIPTED_PLAYERS)} or {RANDOM_PLAYER}, not {user!r}")
    return (name,)


def _policies(bot: str | None) -> tuple[str, ...]:
    if bot is None:
        return POLICIES
    # The original's easy opponents are retired; their games were played by the normal ones.
    name = bot.strip().lower().removesuffix("_easy")
    if name not in POLICIES:
        raise typer.BadParameter(f"choose one of {', '.join(POLICIES)}, not {bot!r}")
    return (name,)


def show_progress(done: int, total: int) -> None:
    """Show how far a session is: in place on a terminal, as a line for each tenth in a log."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {total} games" + ("\n" if done == total else ""))
        sys.stderr.flush()
    elif done * 10 // total > (done - 1) * 10 // total:
        typer.echo(f"{done} of {total} games", err=True)
