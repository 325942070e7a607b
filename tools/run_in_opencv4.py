"""Run a Caffe network in OpenCV 4, the last that reads them; for ``check_caffe_models.py``.

It runs in an environment of its own, with opencv-python-headless<5 and numpy alone:

    python tools/run_in_opencv4.py FOLDER

FOLDER holds net.prototxt, net.caffemodel and inputs.npz of images; outputs.npz is written there.
"""

import sys
from pathlib import Path

import cv2
import numpy as np


def main() -> int:
    folder = Path(sys.argv[1])
    cv2.setNumThreads(1)
    net = cv2.dnn.readNetFromCaffe(str(folder / "net.prototxt"), str(folder / "net.caffemodel"))
    outputs = {}
    with np.load(folder / "inputs.npz", allow_pickle=False) as inputs:
        for name, image in inputs.items():
            planes = image.astype(np.float32).transpose(2, 0, 1)[None]
            net.setInput(np.ascontiguousarray(planes / 256 - 0.5))
            outputs[name] = net.forward("net_output" if "net_output" in net.getLayerNames() else "")
    np.savez(folder / "outputs.npz", **outputs)
    print(f"OpenCV {cv2.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
