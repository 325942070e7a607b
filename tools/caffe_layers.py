"""CMU's OpenPose networks as Caffe knows them: layer lists, and files of made-up weights.

Written from the published prototxt files, and apart from the networks in ``pose_lib/openpose``, so
that the two can be held against each other.

Source:
    OpenPose's ``models/pose/{coco,mpi}/pose_deploy_linevec.prototxt`` and
    ``models/pose/body_25/pose_deploy.prototxt``; field numbers from Caffe's ``caffe.proto``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Shape = tuple[int, ...]


@dataclass
class LayerList:
    """A network that is written down layer by layer; each method returns the layer's output."""

    text: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, list[Shape]] = field(default_factory=dict)  # blobs of layers with weights
    channels: dict[str, int] = field(default_factory=lambda: {"image": 3})

    def prototxt(self) -> str:
        sides = 'input: "image"\ninput_dim: 1\ninput_dim: 3\ninput_dim: 16\ninput_dim: 16\n'
        return sides + "".join(self.text)

    def conv(self, name: str, bottom: str, n_out: int, size: int) -> str:
        self.shapes[name] = [(n_out, self.channels[bottom], size, size), (n_out,)]
        settings = f"num_output: {n_out} pad: {size // 2} kernel_size: {size}"
        return self._add(name, "Convolution", [bottom], name, n_out, settings)

    def relu(self, name: str, bottom: str) -> str:
        return self._add(name, "ReLU", [bottom], bottom, self.channels[bottom])

    def prelu(self, name: str, bottom: str) -> str:
        self.shapes[name] = [(self.channels[bottom],)]
        return self._add(name, "PReLU", [bottom], bottom, self.channels[bottom])

    def pool(self, name: str, bottom: str) -> str:
        settings = "pool: MAX kernel_size: 2 stride: 2"
        return self._add(name, "Pooling", [bottom], name, self.channels[bottom], settings)

    def concat(self, name: str, *bottoms: str, top: str | None = None) -> str:
        n_out = sum(self.channels[bottom] for bottom in bottoms)
        return self._add(name, "Concat", list(bottoms), top or name, n_out, "axis: 1")

    def _add(
        self, name: str, kind: str, bottoms: list[str], top: str, n_out: int, settings: str = ""
    ) -> str:
        parameters = {"Convolution": "convolution_param", "Pooling": "pooling_param"}
        inner = f"  {parameters.get(kind, 'concat_param')} {{ {settings} }}\n" if settings else ""
        inputs = "".join(f'  bottom: "{bottom}"\n' for bottom in bottoms)
        self.text.append(
            f'layer {{\n  name: "{name}"\n  type: "{kind}"\n{inputs}  top: "{top}"\n{inner}}}\n'
        )
        self.types[name] = kind
        self.channels[top] = n_out
        return top


def coco_layers() -> LayerList:
    return _two_branches(n_pafs=38, n_heatmaps=19)


def mpi_layers() -> LayerList:
    return _two_branches(n_pafs=28, n_heatmaps=16)


def _two_branches(*, n_pafs: int, n_heatmaps: int) -> LayerList:
    net = LayerList()
    features = _relu(net, "conv4_3_CPM", _vgg(net), 256, 3)
    features = _relu(net, "conv4_4_CPM", features, 128, 3)
    maps = {}
    for branch, n_out in (("L1", n_pafs), ("L2", n_heatmaps)):
        x = features
        for i in (1, 2, 3):
            x = _relu(net, f"conv5_{i}_CPM_{branch}", x, 128, 3)
        x = _relu(net, f"conv5_4_CPM_{branch}", x, 512, 1)
        maps[branch] = net.conv(f"conv5_5_CPM_{branch}", x, n_out, 1)
    for stage in range(2, 7):
        joined = net.concat(f"concat_stage{stage}", maps["L1"], maps["L2"], features)
        for branch, n_out in (("L1", n_pafs), ("L2", n_heatmaps)):
            x = joined
            for i in range(1, 6):
                x = _relu(net, f"Mconv{i}_stage{stage}_{branch}", x, 128, 7)
            x = _relu(net, f"Mconv6_stage{stage}_{branch}", x, 128, 1)
            maps[branch] = net.conv(f"Mconv7_stage{stage}_{branch}", x, n_out, 1)
    net.concat("concat_stage7", maps["L2"], maps["L1"], top="net_output")
    return net


def body_25_layers() -> LayerList:
    net = LayerList()
    features = _prelu(net, "conv4_3_CPM", _vgg(net, last_is_prelu=True), 256, 3)
    features = _prelu(net, "conv4_4_CPM", features, 128, 3)
    pafs = _joined_stage(net, "stage0_L2", features, 96, 256, 52)
    for stage in (1, 2, 3):
        joined = net.concat(f"concat_stage{stage}_L2", features, pafs)
        pafs = _joined_stage(net, f"stage{stage}_L2", joined, 128, 512, 52)
    joined = net.concat("concat_stage0_L1", features, pafs)
    heatmaps = _joined_stage(net, "stage0_L1", joined, 96, 256, 26)
    joined = net.concat("concat_stage1_L1", features, heatmaps, pafs)
    heatmaps = _joined_stage(net, "stage1_L1", joined, 128, 512, 26)
    net.concat("net_output", heatmaps, pafs)
    return net


def _joined_stage(
    net: LayerList, branch: str, x: str, width: int, n_hidden: int, n_out: int
) -> str:
    for i in range(1, 6):
        seen = []
        for j in range(3):
            x = _prelu(net, f"Mconv{i}_{branch}_{j}", x, width, 3)
            seen.append(x)
        x = net.concat(f"Mconv{i}_{branch}_concat", *seen)
    x = _prelu(net, f"Mconv6_{branch}", x, n_hidden, 1)
    return net.conv(f"Mconv7_{branch}", x, n_out, 1)


def _vgg(net: LayerList, *, last_is_prelu: bool = False) -> str:
    x = "image"
    for block, width, n_convs in ((1, 64, 2), (2, 128, 2), (3, 256, 4)):
        for i in range(1, n_convs + 1):
            x = _relu(net, f"conv{block}_{i}", x, width, 3)
        x = net.pool(f"pool{block}_stage1", x)
    x = _relu(net, "conv4_1", x, 512, 3)
    return (_prelu if last_is_prelu else _relu)(net, "conv4_2", x, 512, 3)


def _relu(net: LayerList, name: str, bottom: str, n_out: int, size: int) -> str:
    return net.relu(name.replace("conv", "relu"), net.conv(name, bottom, n_out, size))


def _prelu(net: LayerList, name: str, bottom: str, n_out: int, size: int) -> str:
    return net.prelu(name.replace("conv", "prelu"), net.conv(name, bottom, n_out, size))


LAYERS = {"coco_18": coco_layers, "mpi_15": mpi_layers, "body_25": body_25_layers}
"""The layer list of each model in ``pose_lib.openpose.models`` whose weights users add."""


def random_blobs(net: LayerList, rng: np.random.Generator) -> dict[str, list[np.ndarray]]:
    """Make up weights that keep activations near 1, so that outputs can be compared.

    Source:
        He et al. 2015, arXiv:1502.01852, for the scale, here of uniform numbers.
    """
    blobs = {}
    for name, shapes in net.shapes.items():
        first = rng.random(shapes[0], dtype=np.float32)
        if net.types[name] == "PReLU":
            blobs[name] = [0.5 * first]
        else:
            square_slope = 1 / 12 if name.replace("conv", "prelu") in net.types else 0
            bound = np.float32(np.sqrt(6 / (1 + square_slope) / np.prod(shapes[0][1:])))
            bias = rng.random(shapes[1], dtype=np.float32) - np.float32(0.5)
            blobs[name] = [(2 * first - 1) * bound, bias]
    return blobs


def random_image(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a picture of ramps and noise, the same on every machine: it takes integers alone."""
    y, x, channel = np.ogrid[:height, :width, :3]
    ramps = ((1 + channel) * x + (3 - channel) * y) % 256
    return ((ramps + rng.integers(0, 256, ramps.shape)) // 2).astype(np.uint8)


def write_caffemodel(
    path: Path, blobs: Mapping[str, list[np.ndarray]], types: Mapping[str, str]
) -> None:
    """Write a ``.caffemodel`` as Caffe 1 does."""
    with path.open("wb") as file:
        for name, arrays in blobs.items():
            file.writelines(message(100, layer_pieces(name, types[name], arrays)))


def layer_pieces(name: str, kind: str, arrays: list[np.ndarray]) -> Iterator[bytes]:
    yield from message(1, [name.encode()])
    yield from message(2, [kind.encode()])
    for array in arrays:
        dims = b"".join(varint(side) for side in array.shape)
        shape = b"".join(message(7, message(1, [dims])))
        yield from message(7, [shape, *message(5, [np.asarray(array, "<f4").tobytes()])])


def message(number: int, pieces: "Iterator[bytes] | list[bytes]") -> list[bytes]:
    """Return a protobuf field with a length before its content, in pieces."""
    content = list(pieces)
    return [varint(number << 3 | 2), varint(sum(map(len, content))), *content]


def varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
