"""CMU's first OpenPose networks, on a VGG-19 trunk: the COCO and the MPI model.

Layers keep the names of the published layer lists, so that a weight's name ends in the layer of
the ``.caffemodel`` that holds it: ``stages.1.pafs.Mconv1_stage2_L1.weight``.

Source:
    Cao et al. 2017, arXiv:1611.08050, section 2; widths, order and names as in OpenPose's
    ``models/pose/coco/pose_deploy_linevec.prototxt`` and the file of that name for MPI.
"""

from collections import OrderedDict
from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor, nn

N_FEATURES = 128
"""Channels that a trunk gives to the stages."""

_N_STAGES = 6
_VGG = (
    # (block, width, convolutions): the part of VGG-19 that is used, pooled after each block but
    # the last.
    *((1, 64, 2), (2, 128, 2), (3, 256, 4), (4, 512, 2)),
)


class CmuVgg(nn.Module):
    """Six stages of two branches, each of which sees the maps of the stage before it."""

    def __init__(self, *, n_heatmaps: int, n_pafs: int) -> None:
        super().__init__()
        self.n_pafs = n_pafs
        self.trunk = vgg_trunk()
        self.stages = nn.ModuleList(
            Stage(number, n_heatmaps=n_heatmaps, n_pafs=n_pafs)
            for number in range(1, _N_STAGES + 1)
        )

    def forward(
        self, image: Float[Tensor, "b 3 height width"]
    ) -> tuple[Float[Tensor, "b n_heatmaps h w"], Float[Tensor, "b n_pafs h w"]]:
        """Return heatmaps and PAFs.

        Args:
            image: Raw blue, green, red from 0 to 255, sides a multiple of 8.
        """
        features = self.trunk(normalized(image))
        first, *refinements = self.stages
        maps = first(features)
        for stage in refinements:
            maps = stage(torch.cat([maps, features], dim=1))
        return maps[:, self.n_pafs :], maps[:, : self.n_pafs]


class Stage(nn.Module):
    """Two branches that look at the same maps: "L1" predicts PAFs, "L2" heatmaps."""

    def __init__(self, number: int, *, n_heatmaps: int, n_pafs: int) -> None:
        super().__init__()
        if number == 1:
            self.pafs = _first_branch("L1", n_pafs)
            self.heatmaps = _first_branch("L2", n_heatmaps)
        else:
            n_in = n_pafs + n_heatmaps + N_FEATURES
            self.pafs = _refining_branch(f"stage{number}_L1", n_in, n_pafs)
            self.heatmaps = _refining_branch(f"stage{number}_L2", n_in, n_heatmaps)

    def forward(self, x: Float[Tensor, "b n_in h w"]) -> Float[Tensor, "b n_maps h w"]:
        return torch.cat([self.pafs(x), self.heatmaps(x)], dim=1)


def normalized(image: Float[Tensor, "b 3 height width"]) -> Float[Tensor, "b 3 height width"]:
    """Bring 0..255 to -0.5..0.5, as CMU's networks were trained."""
    return image / 256 - 0.5


def vgg_trunk(*, prelus: Collection[str] = ()) -> nn.Sequential:
    """Return the first ten layers of VGG-19, and two that narrow them to ``N_FEATURES``.

    Args:
        prelus: Names of the convolutions followed by a PReLU instead of a ReLU.
    """
    layers: dict[str, nn.Module] = {}
    n_in = 3
    for block, width, n_convs in _VGG:
        if block > 1:
            layers[f"pool{block - 1}_stage1"] = nn.MaxPool2d(2)
        for number in range(1, n_convs + 1):
            layers |= _trunk_conv(f"conv{block}_{number}", n_in, width, prelus)
            n_in = width
    layers |= _trunk_conv("conv4_3_CPM", n_in, 256, prelus)
    layers |= _trunk_conv("conv4_4_CPM", 256, N_FEATURES, prelus)
    return sequential(layers)


def _trunk_conv(name: str, n_in: int, n_out: int, prelus: Collection[str]) -> dict[str, nn.Module]:
    make = prelu_conv if name in prelus else relu_conv
    return make(name, n_in, n_out, size=3)


def _first_branch(branch: str, n_out: int) -> nn.Sequential:
    layers: dict[str, nn.Module] = {}
    for number in (1, 2, 3):
        layers |= relu_conv(f"conv5_{number}_CPM_{branch}", N_FEATURES, 128, size=3)
    layers |= relu_conv(f"conv5_4_CPM_{branch}", 128, 512, size=1)
    layers[f"conv5_5_CPM_{branch}"] = nn.Conv2d(512, n_out, 1)
    return sequential(layers)


def _refining_branch(branch: str, n_in: int, n_out: int) -> nn.Sequential:
    layers = relu_conv(f"Mconv1_{branch}", n_in, 128, size=7)
    for number in (2, 3, 4, 5):
        layers |= relu_conv(f"Mconv{number}_{branch}", 128, 128, size=7)
    layers |= relu_conv(f"Mconv6_{branch}", 128, 128, size=1)
    layers[f"Mconv7_{branch}"] = nn.Conv2d(128, n_out, 1)
    return sequential(layers)


def relu_conv(name: str, n_in: int, n_out: int, *, size: int) -> dict[str, nn.Module]:
    """Return a convolution that keeps the size of maps, and the ReLU after it, by name."""
    return {
        name: nn.Conv2d(n_in, n_out, size, padding=size // 2),
        name.replace("conv", "relu"): nn.ReLU(inplace=True),
    }


def prelu_conv(name: str, n_in: int, n_out: int, *, size: int) -> dict[str, nn.Module]:
    """Return a convolution that keeps the size of maps, and the PReLU after it, by name."""
    return {
        name: nn.Conv2d(n_in, n_out, size, padding=size // 2),
        name.replace("conv", "prelu"): nn.PReLU(n_out),
    }


def sequential(layers: dict[str, nn.Module]) -> nn.Sequential:
    """Return the layers as one module that keeps their names."""
    return nn.Sequential(OrderedDict(layers))
