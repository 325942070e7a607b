import io
import itertools

import numpy as np
from PIL import Image, ImageSequence

from pose_lib.plots.animation import turntable_gif

POSE = np.random.default_rng(0).normal(size=(15, 3)).astype(np.float32)


def test_a_turntable_loops_through_frames_that_differ():
    gif = turntable_gif(POSE, np.zeros(15, bool), n_frames=4, seconds=0.4, pixels=120)
    picture = Image.open(io.BytesIO(gif))
    assert picture.info["loop"] == 0
    assert picture.info["duration"] == 100
    frames = [np.array(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]
    assert [frame.shape for frame in frames] == [(120, 120, 3)] * 4
    for frame, following in itertools.pairwise(frames):
        assert np.any(frame != following)
