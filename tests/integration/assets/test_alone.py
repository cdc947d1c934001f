"""Each asset can be materialised alone, as in the UI: on old inputs, in any order, and again."""

from datetime import timedelta
from urllib.parse import urldefrag, urlsplit

import dagster as dg
import pytest
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_assets.assets import keys
from tests.builders.games import START
from tests.integration.assets.world import World, failure_of, fill_store, metadata_of

pytestmark = pytest.mark.usefixtures("tiny_trials")

# Playing needs the whole API: `test_commands` lets it play.
ELSEWHERE = {keys.SCRIPTED_GAMES}
NEXT_DAY = START + timedelta(days=1)


def test_every_asset_can_run_alone_on_old_inputs_twice_and_in_the_wrong_order(trained: World) -> None:
    fill_store(trained.engine, 6, kind="human", prefix="later", start=NEXT_DAY)
    graph = trained.defs.resolve_asset_graph()
    alone = [key for key in reversed(graph.toposorted_asset_keys) if key in graph.executable_asset_keys - ELSEWHERE]
    assert len(alone) == len(graph.get_all_asset_keys()) - 2, "gameplay/rounds and the assets of ELSEWHERE are left out"
    job = trained.defs.resolve_implicit_global_asset_job_def()
    addresses = set[str]()
    for key in alone * 2:
        partitions = graph.get(key).partitions_def
        result = job.execute_in_process(
            instance=trained.instance,
            asset_selection=[key],
            partition_key=partitions.get_partition_keys()[-1] if partitions else None,
            raise_on_error=False,
        )
        name = key.to_user_string()
        assert result.success, f"{name}: {failure_of(result)}"
        materialised = [event.materialization for event in result.get_asset_materialization_events()]
        assert key in {one.asset_key for one in materialised}
        checks = result.get_asset_check_evaluations()
        assert [one.check_name for one in checks if not (one.description or "").endswith(".")] == [], name
        shown = [value for one in (*materialised, *checks) for value in one.metadata.values()]
        addresses |= {str(value.url) for value in shown if isinstance(value, dg.UrlMetadataValue)}
    require_pages(trained, addresses)


def require_pages(world: World, addresses: set[str]) -> None:
    """Check that links to the API lead to pages, and to a part of the page that exists."""
    api = world.settings.services.api_link_url
    ours = [urldefrag(address.removeprefix(api)) for address in addresses if address.startswith(api)]
    assert {urlsplit(path).path for path, _ in ours} == {"/", "/observatory"}
    with TestClient(create_app(world.settings)) as client:
        for path, part in ours:
            page = client.get(path)
            assert page.headers["content-type"].startswith("text/html")
            assert not part or f'id="{part}"' in page.text


def test_a_dataset_from_an_older_selection_says_by_how_much(trained: World) -> None:
    fill_store(trained.engine, 5, kind="human", prefix="later", start=NEXT_DAY)

    def materialise(*assets: str) -> tuple[int, int, dg.AssetCheckEvaluation]:
        result = trained.run("train_models", only=assets)
        assert result.success, failure_of(result)
        shown = metadata_of(result, keys.DATASET)
        (check,) = (
            one for one in result.get_asset_check_evaluations() if one.check_name == "selection_is_as_new_as_the_store"
        )
        return shown["games_newer_than_the_selection"], shown["examples_newer_than_the_selection"], check

    games, examples, check = materialise("training/dataset")
    assert (games, check.passed, check.severity) == (5, False, dg.AssetCheckSeverity.WARN)
    assert examples > 5
    assert f"5 games that would train are newer, with {examples} examples: materialise training/games" in str(
        check.description
    )
    games, examples, check = materialise("training/games", "training/dataset")
    assert (games, examples, check.passed) == (0, 0, True)
