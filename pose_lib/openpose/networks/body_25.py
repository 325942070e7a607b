"""CMU's BODY_25 network: PAFs first, in four stages, then heatmaps in two.

Layers keep the names of the published layer list, as in ``cmu_vgg``.

Source:
    Cao et al. 2019, arXiv:1812.08008, section 3, for the order of stages and the three 3x3
    convolutions, joined, in place of one of 7x7; widths, order and names as in OpenPose's
    ``models/pose/body_25/pose_deploy.prototxt``.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pose_lib.openpose.networks.cmu_vgg import (
    N_FEATURES,
    normalized,
    prelu_conv,
    sequential,
    vgg_trunk,
)

N_HEATMAPS = 26
"""One map for each joint of BODY_25, and the background."""

N_PAFS = 52
"""x and y of a part affinity field for each of 26 limbs."""


class Body25(nn.Module):
    """Heatmaps are predicted from the last PAFs, which show where limbs end."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = vgg_trunk(prelus=("conv4_2", "conv4_3_CPM", "conv4_4_CPM"))
        n_refined = N_FEATURES + N_PAFS
        self.pafs = nn.ModuleList(
            [
                _stage("stage0_L2", N_FEATURES, N_PAFS, width=96, n_hidden=256),
                *(
                    _stage(f"stage{number}_L2", n_refined, N_PAFS, width=128, n_hidden=512)
                    for number in (1, 2, 3)
                ),
            ]
        )
        self.heatmaps = nn.ModuleList(
            [
                _stage("stage0_L1", n_refined, N_HEATMAPS, width=96, n_hidden=256),
                _stage("stage1_L1", n_refined + N_HEATMAPS, N_HEATMAPS, width=128, n_hidden=512),
            ]
        )

    def forward(
        self, image: Float[Tensor, "b 3 height width"]
    ) -> tuple[Float[Tensor, "b 26 h w"], Float[Tensor, "b 52 h w"]]:
        """Return heatmaps and PAFs.

        Args:
            image: Raw blue, green, red from 0 to 255, sides a multiple of 8.
        """
        features = self.trunk(normalized(image))
        first_pafs, *refined_pafs = self.pafs
        pafs = first_pafs(features)
        for stage in refined_pafs:
            pafs = stage(torch.cat([features, pafs], dim=1))

        first_heatmaps, refined_heatmaps = self.heatmaps
        heatmaps = first_heatmaps(torch.cat([features, pafs], dim=1))
        heatmaps = refined_heatmaps(torch.cat([features, heatmaps, pafs], dim=1))
        return heatmaps, pafs


class JoinedConvs(nn.Module):
    """Three convolutions in a row, and the outputs of all three."""

    def __init__(self, name: str, n_in: int, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            sequential(
                prelu_conv(f"{name}_{number}", n_in if number == 0 else width, width, size=3)
            )
            for number in range(3)
        )

    def forward(self, x: Float[Tensor, "b n_in h w"]) -> Float[Tensor, "b n_out h w"]:
        seen = []
        for conv in self.convs:
            x = conv(x)
            seen.append(x)
        return torch.cat(seen, dim=1)


def _stage(branch: str, n_in: int, n_out: int, *, width: int, n_hidden: int) -> nn.Sequential:
    layers: dict[str, nn.Module] = {}
    for number in range(1, 6):
        n_seen = n_in if number == 1 else 3 * width
        layers[f"Mconv{number}_{branch}"] = JoinedConvs(f"Mconv{number}_{branch}", n_seen, width)
    layers |= prelu_conv(f"Mconv6_{branch}", 3 * width, n_hidden, size=1)
    layers[f"Mconv7_{branch}"] = nn.Conv2d(n_hidden, n_out, 1)
    return sequential(layers)
