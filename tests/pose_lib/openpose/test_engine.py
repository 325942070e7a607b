import numpy as np
import pytest
import torch
from torch import nn

from pose_lib.openpose.engine import make_engine
from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.openpose.openvino_graph import openvino_model
from pose_lib.openpose.weights.weight_files import bundled_weights, load_network


@pytest.fixture(scope="module")
def network():
    return load_network(MOBILENET_THIN, bundled_weights())


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def engine(name, network, precision="float32"):
    return make_engine(name, network, precision=precision, threads=1)


@pytest.mark.parametrize("size", [(64, 112), (128, 64)])
def test_all_engines_give_the_same_maps(network, size):
    torch_maps = engine("torch", network)(noise(*size))
    openvino_maps = engine("openvino", network)(noise(*size))
    for one, other in zip(torch_maps, openvino_maps, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_the_maps_of_an_image_outlast_the_next_one(network, name):
    predict = engine(name, network)
    first, _ = predict(noise(64, 64))
    before = first.copy()
    predict(np.zeros((64, 64, 3), np.uint8))
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_half_precision_is_near(network, name):
    whole, half = (engine(name, network, each)(noise(64, 64)) for each in ("float32", "half"))
    for one, other in zip(whole, half, strict=True):
        assert one.dtype == other.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=0.15)


class EveryOperation(nn.Module):
    """All that OpenPose's networks are made of, in ways that a wrong translation would show."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(4, 8, 3, padding=1, groups=4, bias=False)
        self.slope = nn.PReLU(8)
        self.pool = nn.MaxPool2d(2, 2)

    def forward(self, image):
        x = self.first(nn.functional.pad(image / 256 - 0.5, (0, 2, 0, 2)))
        x = self.slope(self.depthwise(nn.functional.relu(x)))
        x = torch.cat([self.pool(x), nn.functional.max_pool2d(x, 2, 2) * 2 + 1], dim=1)
        return x[:, 5:], x[:, 1:5]


def test_every_operation_is_translated():
    torch.manual_seed(0)
    network = EveryOperation().eval()
    predict = engine("openvino", network)
    for one, other in zip(
        predict(noise(30, 42)), engine("torch", network)(noise(30, 42)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_operation_that_is_not_translated_is_named():
    class Odd(nn.Module):
        def forward(self, image):
            return torch.sigmoid(image), image

    with pytest.raises(NotImplementedError, match="sigmoid"):
        openvino_model(Odd())
