"""Keypoints made up for tests: by hypothesis, or at random from a seed."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import COCO_18, SKELETONS

BEARTYPE_DRAWS = (
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)

file_names = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="/\\\0.:\r\n"), min_size=1, max_size=9),
    min_size=1,
    max_size=3,
).map(lambda parts: "/".join(part.strip() or "_" for part in parts))
image_names = st.builds("{}.{}".format, file_names, st.sampled_from(["jpg", "png", "jpeg"]))
pixels = st.floats(width=32, allow_nan=False, allow_infinity=False)
confidences = st.floats(0, 1, width=32)
any_skeleton = st.sampled_from(SKELETONS)


@st.composite
def keypoints(draw, skeletons=any_skeleton, names=image_names):
    """Any valid keypoints: no image, no people, missing joints, images that failed."""
    skeleton = draw(skeletons)
    filename = tuple(sorted(draw(st.sets(names, max_size=5))))
    counts = [draw(st.integers(0, 3)) for _ in filename]
    shape = (sum(counts), len(skeleton))
    xy = draw(hnp.arrays(np.float32, (*shape, 2), elements=pixels, fill=st.just(1.5)))
    confidence = draw(hnp.arrays(np.float32, shape, elements=confidences, fill=st.just(0.5)))
    nobody = [ImageStatus.NO_PERSON, ImageStatus.UNREADABLE, ImageStatus.FAILED]
    status = [ImageStatus.OK if n else draw(st.sampled_from(nobody)) for n in counts]
    return Keypoints(
        skeleton=skeleton,
        filename=filename,
        size=np.array([(640, 480)] * len(filename), np.int32).reshape(-1, 2),
        status=np.array(status, np.int64),
        reason=tuple("" if s <= 2 else "why: ü" for s in status),
        keypoints=with_missing(xy, confidence),
        image=np.repeat(np.arange(len(filename)), counts),
        score=draw(hnp.arrays(np.float32, shape[0], elements=pixels)),
    )


def some_keypoints(names, seed=0, skeleton=COCO_18):
    """The same people for the same names and seed, however many other names there are."""
    parts = [_people_of(name, seed, skeleton) for name in names]
    counts = [len(part) for part in parts]
    none = np.zeros((0, len(skeleton), 3), np.float32)
    people = np.concatenate([none, *parts])
    return Keypoints(
        skeleton=skeleton,
        filename=tuple(names),
        size=np.full((len(names), 2), [640, 480], np.int32),
        status=np.array([1 if n else 2 for n in counts], np.int64),
        reason=("",) * len(names),
        keypoints=people,
        image=np.repeat(np.arange(len(names)), counts),
        score=people[:, 0, 2],
    )


def with_missing(xy, confidence):
    xyc = np.concatenate([xy, confidence[..., None]], axis=-1)
    xyc[confidence == 0, :2] = np.nan
    return xyc


def assert_same_keypoints(one, other):
    assert one.skeleton == other.skeleton
    assert one.filename == other.filename
    assert one.reason == other.reason
    for name in ("size", "status", "keypoints", "image", "score", "chosen"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def _people_of(name, seed, skeleton):
    rng = np.random.default_rng([seed, *name.encode()])
    shape = (rng.integers(0, 4), len(skeleton))
    confidence = rng.uniform(0.1, 1, shape) * (rng.random(shape) > 0.2)
    return with_missing(rng.uniform(0, 640, (*shape, 2)), confidence).astype(np.float32)
