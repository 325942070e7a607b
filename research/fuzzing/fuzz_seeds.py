"""Small valid files of every kind, for the fuzzer to begin from and for tests to change.

Each function makes them in a folder, if it needs one, and returns their contents.
"""

import io
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from research.fuzzing.fuzz_mutators import joined

ROOT = Path(__file__).parents[1]
# Their makers of small files serve here.
sys.path += [str(ROOT / "tests"), str(ROOT / "tests/pose_lib/formats")]


def openpose(_: Path) -> list[bytes]:
    people = [{"person_id": [0], "pose_keypoints_2d": [1.5] * 75}]
    facts = {"filename": "a.jpg", "size": [640, 480], "status": "ok", "reason": ""}
    facts |= {"skeleton": "BODY_25", "scores": [0.5]}
    old = {"people": [{"pose_keypoints": [0.5] * 54}]}
    return _json(old, {"version": 1.3, "people": people, "image": facts}, {"people": people})


def truth(_: Path) -> list[bytes]:
    from pose_lib.skeleton import MPII_16

    person = {"joints": [[5.0, 6.0]] * 16, "visible": [1] * 16, "center": [1, 2], "scale": 1}
    mpii = {"joint_names": list(MPII_16.joints), "images": {"a.jpg": [person]}}
    crops = {"joint_names": list(MPII_16.joints), "crops": {"a.jpg": person}}
    entry = {"image_id": 1, "keypoints": [5, 6, 2] * 17, "area": 9, "bbox": [0, 0, 1, 1]}
    coco = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{**entry, "id": 1}]}
    return _json(mpii, crops, coco)


def config(_: Path) -> list[bytes]:
    from pose_lib.config import config_toml
    from pose_lib.lifting.config import TrainConfig

    return [config_toml(TrainConfig()).encode(), b"seed = 3\n[gan]\nwidth = 64\n"]


def sweep(_: Path) -> list[bytes]:
    return [b"seeds = [0, 1]\n[base.gan]\nwidth = 64\n[variants.a.gan]\nwidth = 32\n[variants.b]\n"]


def pose_truth(folder: Path) -> list[bytes]:
    from pose_lib.skeleton import BODY_15

    seen = np.ones((2, 25, 3), np.float32)
    names = np.array(BODY_15.joints)
    joints = np.arange(2 * 15 * 3, dtype=np.float32).reshape(2, 15, 3)
    arrays = {"kp2d_body25": seen, "kp2d_body25_noisy": seen, "joints3d_cam": joints}
    return [_npz(folder, **arrays, joints=names)]


def picture(folder: Path) -> list[bytes]:
    from pose_lib.skeleton import COCO_17

    shape = (2, len(COCO_17))
    return [
        _npz(
            folder,
            files=np.array(["a.jpg", "b.jpg"]),
            image_index=np.array([0, 1]),
            kp_names=np.array(COCO_17.joints),
            kp2d=np.ones((*shape, 2)),
            vis=np.ones(shape, np.int64),
            kp3d_cam_mm=np.ones((*shape, 3)),
        )
    ]


def mpii_npz(folder: Path) -> list[bytes]:
    from pose_lib.skeleton import MPII_16

    names, joints = np.array(MPII_16.joints), np.ones((2, 16, 2))
    return [_npz(folder, joints=joints, joint_names=names, image=np.array(["a.jpg", "b.jpg"]))]


def lifted(folder: Path) -> list[bytes]:
    poses, flags = np.zeros((2, 15, 3), np.float32), np.zeros((2, 15), bool)
    refused = np.array(["", "no joint"])
    return [_npz(folder, poses3d=poses, filled=flags, refused=refused, spread=poses[..., 0])]


def h36m(folder: Path) -> list[bytes]:
    from made_benchmarks import write_h36m

    truth, poses2d, _ = write_h36m(folder, n_frames=7, actions=("Walking",))
    return [joined(truth.read_bytes(), poses2d.read_bytes())]


def mpii_mat(folder: Path) -> list[bytes]:
    from mpii_mat import image_of, person_of, save_release

    xy = np.arange(32.0).reshape(16, 2)
    images = [image_of("a.jpg", [person_of(xy, visible=[1] * 16)]), image_of("b.jpg")]
    return [save_release(folder / "mpii.mat", images).read_bytes()]


def caffe(_: Path) -> list[bytes]:
    from tools.caffe_layers import layer_pieces, message

    blobs = [np.ones((2, 3, 2, 2), np.float32), np.ones(2, np.float32)]
    return [b"".join(message(100, layer_pieces("conv", "Convolution", blobs)))]


def pair(folder: Path) -> list[bytes]:
    np.save(folder / "k.npy", np.ones((2, 18, 3), np.float32))
    np.save(folder / "f.npy", np.array(["a.jpg", "b.jpg"]))
    return [joined((folder / "k.npy").read_bytes(), (folder / "f.npy").read_bytes())]


def lifter(folder: Path) -> list[bytes]:
    import torch

    from pose_lib.lifting.files.lifter_folder import WEIGHTS, save_lifter
    from pose_lib.lifting.lifter import Lifter
    from pose_lib.lifting.networks import Regressor

    rng = torch.Generator().manual_seed(0)
    save_lifter(Lifter(Regressor(torch.ones(12), 2, rng), None, {}), folder)
    return [(folder / WEIGHTS).read_bytes()]


def description(folder: Path) -> list[bytes]:
    from pose_lib.lifting.files.lifter_folder import DESCRIPTION

    lifter(folder)
    return [(folder / DESCRIPTION).read_bytes()]


def checkpoint(folder: Path) -> list[bytes]:
    import torch

    from pose_lib.lifting.files.checkpoint import CHECKPOINT, save_checkpoint
    from pose_lib.lifting.train import Checkpoint

    save_checkpoint(Checkpoint({"0/weight": torch.ones(3)}, {"step": 3}), folder)
    return [(folder / CHECKPOINT).read_bytes()]


def record(_: Path) -> list[bytes]:
    from pose_lib.openpose.weights.weight_files import AddedWeights

    return [
        AddedWeights("coco_18", "0" * 64, 10, "a.caffemodel", "0" * 64, True, "x")
        .to_json()
        .encode()
    ]


def hdf5(folder: Path) -> list[bytes]:
    from made_benchmarks import write_mpi_3dhp

    write_mpi_3dhp(folder, sequences=("TS1",), n_frames=2)
    return [(folder / "TS1/annot_data.mat").read_bytes()]


def store(folder: Path) -> list[bytes]:
    """Return the files of a small store as one JSON object, so that each can be changed."""
    from made_up_store import make_annotated_store

    store = make_annotated_store(folder)
    files = [path for path in sorted(store.rglob("*")) if path.is_file()]
    kept = [path for path in files if path.relative_to(store).parts[0] != "shards"]
    return _json({path.relative_to(store).as_posix(): _as_json(path) for path in kept})


def _as_json(path: Path) -> object:
    content = path.read_bytes()
    return json.loads(content) if path.suffix == ".json" else content.decode("latin-1")


def image(_: Path) -> list[bytes]:
    picture = (np.arange(48 * 64 * 3) % 251).astype(np.uint8).reshape(48, 64, 3)
    suffixes = (".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm", ".jp2")
    return [cv2.imencode(suffix, picture)[1].tobytes() for suffix in suffixes]


def _json(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def _npz(_: Path, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()
