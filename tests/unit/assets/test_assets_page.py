"""`docs/assets.md` describes each asset in a paragraph."""

import re
from pathlib import Path

import pytest

from rps_assets.definitions import build_defs

PAGE = Path(__file__).parents[3] / "docs" / "assets.md"
LARGEST_PICTURE = 150_000


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_each_asset_has_a_paragraph_and_each_paragraph_an_asset(page: str) -> None:
    described = dict(re.findall(r"^### `([^`]+)`\n\n(.+?)(?=\n\n)", page, re.DOTALL | re.MULTILINE))
    known = {key.to_user_string() for key in build_defs().resolve_asset_graph().get_all_asset_keys()}
    assert described.keys() == known
    assert all(len(paragraph) > 30 or paragraph.startswith("The same for") for paragraph in described.values())


def test_the_jobs_and_sensors_it_names_exist(page: str) -> None:
    repository = build_defs().get_repository_def()
    known = {*repository.job_names, *(sensor.name for sensor in repository.sensor_defs)}
    named = set(re.findall(r"`(\w+_sensor|\w+_by_hand|train_models|promote_configuration)`", page))
    assert named
    assert named <= known


def test_ten_usual_tasks_are_described(page: str) -> None:
    assert re.findall(r"^### (\d+)\. ", page, re.MULTILINE) == [str(number) for number in range(1, 11)]


def test_each_picture_is_there_and_small(page: str) -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    assert pictures
    for picture in pictures:
        path = PAGE.parent / picture
        assert path.is_file(), picture
        assert path.stat().st_size <= LARGEST_PICTURE, picture
