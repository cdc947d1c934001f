"""The first minutes of a new product: scripted games to learn from, and the wait for the first models."""

import asyncio
import secrets
from datetime import UTC, datetime

from sqlalchemy import Engine

from rps_cli.up.display import Display
from rps_cli.up.progress import count_served, read_progress
from rps_core.addresses import parse_address
from rps_core.api_client import ApiClient
from rps_core.first_training import first_training_fault
from rps_core.game.families import SLOTS
from rps_core.http_clients import async_http_client
from rps_core.settings import OperationsSettings, Settings
from rps_core.simulation.simulator import PlayOptions, plan_games, play_games_async
from rps_core.store.play_counts import gameplay_counts

GAMES_TOPIC = "scripted games"
MODELS_TOPIC = "models served"
# Polling costs the machine time that the training needs.
POLL_SECONDS = 2.0


def missing_games(finished: int, served: int, operations: OperationsSettings) -> int:
    """Return how many scripted games to play before the first training; 0 if models are served already."""
    return 0 if served else max(operations.bootstrap_games - finished, 0)


async def play_missing_games(engine: Engine, settings: Settings, api: ApiClient, display: Display) -> None:
    """Play the games that the first training lacks, and show the progress; say so if they will not suffice."""
    served = await count_served(api)
    played = await asyncio.to_thread(gameplay_counts, engine, datetime.now(UTC))
    count = missing_games(played.finished_games, served, settings.operations)
    fault = first_training_fault(played.scripted_games + count, played.human_games, settings.training)
    if fault is not None and not served and settings.operations.bootstrap_games:
        display.say("; ".join(fault))
    if count == 0:
        return
    display.say(f"playing {count} scripted games for the first training")

    def show(done: int, total: int) -> None:
        display.progress(GAMES_TOPIC, done, total, "")

    seed = secrets.randbits(32)
    report = await play_games_async(
        api.base_url, plan_games(count, seed=seed), seed=seed, options=PlayOptions(progress=show)
    )
    display.finish(GAMES_TOPIC)
    won, failed = report.games_with("user"), report.games_with("error") + report.games_with("timeout")
    display.say(f"played {count} scripted games with seed {seed}: the players won {won}, {failed} failed")
    for problem in report.problems[:3]:
        display.say(f"a game failed: {problem}")


async def wait_for_models(api: ApiClient, dagster_url: str, display: Display) -> None:
    """Show the progress of Dagster until the API serves all twelve models. Dagster's sensors start the training."""
    address, credentials = parse_address(dagster_url)
    async with async_http_client(address, auth=credentials, timeout=10.0) as client:
        while (served := await count_served(api)) < len(SLOTS):
            progress = await read_progress(client, address)
            display.progress(MODELS_TOPIC, served, len(SLOTS), str(progress))
            await asyncio.sleep(POLL_SECONDS)
    display.finish(MODELS_TOPIC)
