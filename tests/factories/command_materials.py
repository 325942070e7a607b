"""Files for commands to stumble over: folders, arrays, settings and a store of one image."""

import shutil

import numpy as np

from pose_lib.datasets.sample import sample_images
from pose_lib.extract.image_result import ImageResult, join_results
from pose_lib.extract_config import ExtractConfig
from pose_lib.keypoints import ImageStatus, People
from pose_lib.skeleton import COCO_18, MPII_16
from pose_lib.store import open_store, publish, write_shard
from tasks.checks import provenance


def write_materials(folder):
    """Write all of them into a folder."""
    for name in ("empty", "texts", "pictures"):
        (folder / name).mkdir()
    (folder / "file").write_text("in the way")
    (folder / "texts" / "a.txt").write_text("no picture")
    shutil.copy(sample_images() / "coffee.jpg", folder / "pictures")
    (folder / "broken.toml").write_text("n_people = = 2")
    (folder / "unknown.toml").write_text("[extract.openpose]\ninput_heigth = 176")
    (folder / "unknown_training.toml").write_text("[train.gan]\nstepps = 1")
    (folder / "other_detector.toml").write_text('[extract]\ndetector = "nobody"')
    (folder / "other_model.toml").write_text('[extract.openpose]\nmodel = "body_26"')
    (folder / "no_weights.toml").write_text('[extract.openpose]\nmodel = "body_25"')
    (folder / "small.toml").write_text("[extract.openpose]\ninput_height = 176")
    (folder / "other_lifter.toml").write_text('compare_with = "nowhere"')
    (folder / "broken.json").write_text("{")
    (folder / "sweep.toml").write_text("[variants.ours]")
    (folder / "wrong_sweep.toml").write_text("[variants.ours]\ngan.flexoin_weight = 0")
    (folder / "wrong_type.toml").write_text('[train.gan]\nsteps = "many"')
    _write_arrays(folder)
    _write_store(folder / "full.zarr")


def _write_arrays(folder):
    names = np.array(MPII_16.joints)
    people = np.random.default_rng(0).uniform(1, 500, (20, 16, 2)).astype(np.float32)
    np.savez(folder / "few.npz", joints=people, joint_names=names)
    np.savez(folder / "wrong_shape.npz", joints=people[:, :14], joint_names=names)
    np.savez(folder / "wrong_keys.npz", poses=people)
    twelve = ["shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
    joints = np.array(["nose", *(side + joint for side in "lr" for joint in twelve)])
    truth = {"joints": joints, "joints3d_cam": np.ones((4, len(joints), 3), np.float32)}
    seen = np.ones((4, 25, 3), np.float32)
    np.savez(folder / "truth.npz", kp2d_body25=seen, kp2d_body25_noisy=seen, **truth)
    few = seen[:, :24]
    np.savez(folder / "wrong_truth.npz", kp2d_body25=few, kp2d_body25_noisy=seen, **truth)


def _write_store(path):
    """Write a store of one image that shows nobody."""
    digests = {"coffee.jpg": "0" * 32}
    nobody = People(np.empty((0, 18, 3), np.float32), np.empty(0, np.float32))
    result = ImageResult(ImageStatus.NO_PERSON, nobody, (600, 400), "no person found", 0.1)
    keypoints = join_results(digests, [result], COCO_18)
    open_store(path, provenance(ExtractConfig()))
    write_shard(path, keypoints, list(digests.values()), np.zeros(1, np.float32))
    publish(path, list(digests), digests)
