"""The simulated dataset of all training tests."""

import pytest

from rps_assets.training.dataset import TrainingDataset
from tests.builders.simulation import dataset_frame


@pytest.fixture(scope="session")
def dataset() -> TrainingDataset:
    """Eighty games of Cal, whose move follows from the points: about 850 examples."""
    return TrainingDataset.from_frame(dataset_frame(80, players=("cal",)), "cal")
