"""A network that is kept gives the same maps, and is made anew where it is damaged."""

import subprocess
import sys

import numpy as np
import pytest

from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.load import load_openpose

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 112, 3), np.uint8)


@pytest.fixture(scope="module")
def maps():
    return load_openpose(OpenPoseConfig()).engine(PICTURE)


def test_a_kept_network_gives_the_same_maps_and_needs_no_torch(tmp_path, maps):
    for _ in ("made", "read"):
        detector = load_openpose(OpenPoseConfig(), added_weights=tmp_path)
        for one, other in zip(detector.engine(PICTURE), maps, strict=True):
            np.testing.assert_array_equal(one, other)
    program = (
        "import sys; from pathlib import Path; from pose_lib.openpose import load;"
        "load.load_openpose(load.OpenPoseConfig(), added_weights=Path(sys.argv[1]));"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_a_damaged_network_is_made_anew(tmp_path, maps, suffix):
    load_openpose(OpenPoseConfig(), added_weights=tmp_path)
    (file,) = tmp_path.rglob(f"*{suffix}")
    file.write_bytes(file.read_bytes()[:-9])
    again = load_openpose(OpenPoseConfig(), added_weights=tmp_path)
    for one, other in zip(again.engine(PICTURE), maps, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_network_that_cannot_be_kept_is_computed_all_the_same(tmp_path, maps):
    (tmp_path / "compiled").write_text("no folder")
    detector = load_openpose(OpenPoseConfig(), added_weights=tmp_path)
    np.testing.assert_array_equal(detector.engine(PICTURE)[0], maps[0])
