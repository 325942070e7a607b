"""The made people as fixtures."""

import numpy as np
import pytest
import torch
from made_people import photographed, walking_bones


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def poses():
    rng = torch.Generator().manual_seed(1)
    return photographed(walking_bones(400, rng), rng)


@pytest.fixture(scope="session")
def holes(poses):
    """The same people with some joints missing."""
    missing = np.random.default_rng(0).random(poses.shape[:2]) < 0.15
    return np.where(missing[..., None], np.float32([np.nan, np.nan, 0]), poses)
