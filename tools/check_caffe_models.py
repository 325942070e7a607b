"""Hold our reader and networks against OpenCV 4's: same files, same pictures, same maps.

    python -m venv cv4 && cv4/bin/pip install "opencv-python-headless<5"
    python tools/check_caffe_models.py --opencv4 cv4/bin/python

For each of CMU's models a ``.caffemodel`` of made-up weights is written in the published layout. It
goes through OpenCV's ``readNetFromCaffe`` with the published layer list, and through
``poselift weights add``. ``--write`` keeps OpenCV's maps of the smallest picture, against which the
tests hold ours.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pose_lib.openpose.models import model_named  # noqa: E402
from pose_lib.openpose.weights.add_weights import add_weights  # noqa: E402 - after the path is set
from pose_lib.openpose.weights.weight_files import find_weights, load_network  # noqa: E402
from tools.caffe_layers import LAYERS, random_blobs, random_image, write_caffemodel  # noqa: E402

SEED = 20_170_721
SIZES = ((48, 64), (16, 16), (64, 48), (184, 328), (368, 656))
REFERENCE = ROOT / "tests/pose_lib/openpose/opencv4_maps.npz"
TOLERANCE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--opencv4", required=True, help="Python that has OpenCV 4")
    parser.add_argument("--write", action="store_true", help=f"write {REFERENCE.name}")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    references, largest = {}, 0.0
    for name in LAYERS:
        with tempfile.TemporaryDirectory() as folder:
            theirs, ours = both_maps(name, Path(folder), arguments.opencv4)
        for size, expected in theirs.items():
            difference = float(np.abs(ours[size] - expected).max())
            largest = max(largest, difference)
            print(
                f"{name:8} {size:8} maps {expected.shape[1:]}: from {expected.min():.2f} to "
                f"{expected.max():.2f}, std {expected.std():.2f}, largest difference "
                f"{difference:.1e}"
            )
        references[name] = theirs["48x64"][0]
    if arguments.write:
        np.savez_compressed(REFERENCE, **references)
    return int(largest >= TOLERANCE)


def both_maps(name: str, folder: Path, opencv4: str) -> tuple[dict, dict]:
    """Return the maps of all pictures by OpenCV and by us, heatmaps first."""
    rng = np.random.default_rng(SEED)
    net = LAYERS[name]()
    write_caffemodel(folder / "net.caffemodel", random_blobs(net, rng), net.types)
    (folder / "net.prototxt").write_text(net.prototxt())
    images = {f"{height}x{width}": random_image(height, width, rng) for height, width in SIZES}
    np.savez(folder / "inputs.npz", **images)

    subprocess.run([opencv4, str(ROOT / "tools/run_in_opencv4.py"), str(folder)], check=True)
    with np.load(folder / "outputs.npz", allow_pickle=False) as outputs:
        theirs = dict(outputs)
    return theirs, {size: our_maps(name, folder, image) for size, image in images.items()}


def our_maps(name: str, folder: Path, image: np.ndarray) -> np.ndarray:
    model = model_named(name)
    if not (folder / f"{name}.safetensors").exists():
        add_weights(folder / "net.caffemodel", folder, trusted_as=model)
    network = load_network(model, find_weights(model, folder))
    with torch.inference_mode():
        maps = network(torch.from_numpy(image)[None].permute(0, 3, 1, 2).float())
    return torch.cat(maps, dim=1).numpy()


if __name__ == "__main__":
    sys.exit(main())
