import pytest
import torch
from torch.nn import functional

from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.openpose.networks.mobilenet_thin import MobilenetThin, pad_as_tensorflow
from pose_lib.openpose.weights.weight_files import bundled_weights, load_network


@pytest.fixture(scope="module")
def network():
    return load_network(MOBILENET_THIN, bundled_weights())


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 112)])
def test_maps_have_an_eighth_of_the_size(network, height, width):
    heatmaps, pafs = network(torch.zeros(2, 3, height, width))
    assert heatmaps.shape == (2, 19, height // 8, width // 8)
    assert pafs.shape == (2, 38, height // 8, width // 8)


def test_a_grey_image_is_background(network):
    heatmaps, pafs = network(torch.full((1, 3, 128, 128), 128.0))
    assert heatmaps[:, :-1].max() < 0.05
    assert heatmaps[:, -1].min() > 0.9
    assert pafs.abs().max() < 0.1


def test_strided_convolutions_start_at_the_first_pixel():
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    first_weight = torch.zeros(1, 1, 3, 3)
    first_weight[..., 0, 0] = 1
    read = functional.conv2d(pad_as_tensorflow(image), first_weight, stride=2)
    torch.testing.assert_close(read, image[..., ::2, ::2])


def test_an_image_moved_by_a_cell_moves_the_maps_by_a_cell(network):
    image = 255 * torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    features, moved = (network.features(x) for x in (image, image.roll((8, 8), dims=(2, 3))))
    inner = slice(10, 22)  # away from both borders, which the rolling joins
    torch.testing.assert_close(
        moved[..., inner, inner], features.roll((1, 1), dims=(2, 3))[..., inner, inner]
    )


def test_channels_last_changes_nothing(network):
    image = 255 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    last = MobilenetThin().eval().to(memory_format=torch.channels_last)
    last.load_state_dict(network.state_dict())
    for plain, fast in zip(
        network(image), last(image.contiguous(memory_format=torch.channels_last)), strict=True
    ):
        torch.testing.assert_close(fast, plain, atol=1e-4, rtol=0)
