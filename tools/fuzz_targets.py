"""What is fuzzed: every reader of files from outside, with small valid files to begin from."""

import hashlib
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tools import fuzz_mutators as mutators

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests/pose_lib/formats"))  # whose makers of small files serve here

Read = Callable[[Path], object]


@dataclass(frozen=True)
class Target:
    """A reader of files.

    Attributes:
        file: Name that the bytes are written under before each reading.
        read: Gets the path of that file.
        seeds: Makes small valid files in a folder, and returns their contents.
        mutate: How its files are changed.
        lay_out: Puts the bytes where the reader looks, if that is not one file.
    """

    file: str
    read: Read
    seeds: Callable[[Path], list[bytes]]
    mutate: mutators.Mutator = mutators.plain_bytes
    lay_out: Callable[[Path, bytes], None] | None = None

    def write(self, folder: Path, data: bytes) -> Path:
        """Write the bytes as the reader expects them; return what it is to read."""
        path = folder / self.file
        if self.lay_out is None:
            path.write_bytes(data)
        else:
            self.lay_out(path, data)
        return path


def targets() -> dict[str, Target]:
    """Return all readers by name."""
    return {**_of_text(), **_of_arrays(), **_of_folders(), **_of_pictures()}


def _of_text() -> dict[str, Target]:
    from pose_lib.config import read_config
    from pose_lib.formats.images import find_images
    from pose_lib.formats.keypoint_truth import read_keypoint_truth
    from pose_lib.formats.openpose_json import read_openpose
    from pose_lib.formats.sigmas import read_sigmas
    from pose_lib.formats.sweep_files import read_sweep
    from pose_lib.lifting.config import TrainConfig

    def config(path: Path) -> object:
        return read_config(path, TrainConfig)

    toml, values = mutators.toml_pieces, mutators.json_values
    return {
        "openpose_json": Target("a_keypoints.json", read_openpose, _openpose_seeds, values),
        "coco_json": Target("truth.json", read_keypoint_truth, _truth_seeds, values),
        "config_toml": Target("config.toml", config, _config_seeds, toml),
        "sweep_toml": Target("sweep.toml", read_sweep, _sweep_seeds, toml),
        "sigmas_toml": Target("sigmas.toml", read_sigmas, lambda _: [b"wrist = 0.1\n"], toml),
        "image_list": Target("list.txt", find_images, lambda _: [b"a.jpg\n#b\nc/d.png\n"]),
    }


def _of_arrays() -> dict[str, Target]:
    from pose_lib.formats.h36m_truth import read_h36m_truth
    from pose_lib.formats.lifted_poses import read_lifted_poses
    from pose_lib.formats.lifter_truth import read_lifter_truth
    from pose_lib.formats.mpii import read_mpii, read_mpii_annotations
    from pose_lib.formats.picture_truth import read_picture_truth
    from pose_lib.openpose.caffemodel import read_caffemodel

    def lifter_truth(path: Path) -> object:
        return read_lifter_truth(path, None, noisy=True)

    def h36m(path: Path) -> object:
        return read_h36m_truth(path, path.with_name("poses2d.npz"))

    members, either = mutators.npz_members, mutators.either
    return {
        "pose_truth_npz": Target("truth.npz", lifter_truth, _pose_truth_seeds, members),
        "picture_truth_npz": Target("truth.npz", read_picture_truth, _picture_seeds, members),
        "mpii_npz": Target("mpii.npz", read_mpii, _mpii_npz_seeds, members),
        "lifted_npz": Target("poses.npz", read_lifted_poses, _lifted_seeds, members),
        "h36m_npz": Target(
            "truth.npz", h36m, _h36m_seeds, either(members), _two_pieces("poses2d.npz")
        ),
        "mpii_mat": Target(
            "mpii.mat", read_mpii_annotations, _mpii_mat_seeds, mutators.mat_variable
        ),
        "caffemodel": Target("net.caffemodel", read_caffemodel, _caffe_seeds, mutators.words),
    }


def _of_folders() -> dict[str, Target]:
    from pose_lib.formats.keypoint_store import read_keypoints
    from pose_lib.formats.lifter_folder import WEIGHTS, load_lifter
    from pose_lib.formats.mpi_3dhp_truth import read_mpi_3dhp_truth
    from pose_lib.formats.npy_pair import KEYPOINTS_FILE, read_npy_pair
    from pose_lib.formats.training_checkpoint import read_checkpoint
    from pose_lib.openpose.models import model_named
    from pose_lib.openpose.weights import added_weights

    coco = model_named("coco_18")

    def pair(path: Path) -> object:
        return read_npy_pair(path.parent)

    def record(path: Path) -> object:
        path.with_suffix(".safetensors").touch()
        return added_weights(coco, path.parent)

    values = mutators.json_values
    return {
        "npy_pair": Target(
            KEYPOINTS_FILE,
            pair,
            _pair_seeds,
            mutators.either(mutators.npy_header),
            _two_pieces("filenames.npy"),
        ),
        "lifter_safetensors": Target(
            WEIGHTS,
            lambda path: load_lifter(path.parent),
            _lifter_seeds,
            mutators.safetensors_header,
            _with_description,
        ),
        "lifter_json": Target(
            "lifter.json",
            lambda path: load_lifter(path.parent),
            _description_seeds,
            values,
            _with_weights,
        ),
        "checkpoint": Target(
            "checkpoint.safetensors",
            read_checkpoint,
            _checkpoint_seeds,
            mutators.safetensors_header,
        ),
        "weights_record": Target(f"{coco.name}.json", record, _record_seeds, values),
        "mpi_3dhp_mat": Target(
            "TS1/annot_data.mat",
            lambda path: read_mpi_3dhp_truth(path.parents[1]),
            _hdf5_seeds,
            mutators.words,
            _in_folder,
        ),
        "zarr_store": Target("s.zarr", read_keypoints, _store_seeds, values, _zarr_files),
    }


def _of_pictures() -> dict[str, Target]:
    from pose_lib.formats.images import UnreadableImage, decode_image

    def decode(path: Path) -> object:
        try:
            return decode_image(path.read_bytes(), max_pixels=1_000_000)
        except UnreadableImage:  # an outcome of the ledger
            return None

    return {"image": Target("image", decode, _image_seeds, mutators.words)}


def _openpose_seeds(_: Path) -> list[bytes]:
    people = [{"person_id": [0], "pose_keypoints_2d": [1.5] * 75}]
    facts = {"filename": "a.jpg", "size": [640, 480], "status": "ok", "reason": ""}
    facts |= {"skeleton": "BODY_25", "scores": [0.5]}
    old = {"people": [{"pose_keypoints": [0.5] * 54}]}
    return _json(old, {"version": 1.3, "people": people, "image": facts}, {"people": people})


def _truth_seeds(_: Path) -> list[bytes]:
    from pose_lib.skeleton import MPII_16

    person = {"joints": [[5.0, 6.0]] * 16, "visible": [1] * 16, "center": [1, 2], "scale": 1}
    mpii = {"joint_names": list(MPII_16.joints), "images": {"a.jpg": [person]}}
    crops = {"joint_names": list(MPII_16.joints), "crops": {"a.jpg": person}}
    entry = {"image_id": 1, "keypoints": [5, 6, 2] * 17, "area": 9, "bbox": [0, 0, 1, 1]}
    coco = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{**entry, "id": 1}]}
    return _json(mpii, crops, coco)


def _config_seeds(_: Path) -> list[bytes]:
    from pose_lib.config import config_toml
    from pose_lib.lifting.config import TrainConfig

    return [config_toml(TrainConfig()).encode(), b"seed = 3\n[gan]\nwidth = 64\n"]


def _sweep_seeds(_: Path) -> list[bytes]:
    return [b"seeds = [0, 1]\n[base.gan]\nwidth = 64\n[variants.a.gan]\nwidth = 32\n[variants.b]\n"]


def _pose_truth_seeds(folder: Path) -> list[bytes]:
    from pose_lib.skeleton import BODY_15

    seen = np.ones((2, 25, 3), np.float32)
    names = np.array(BODY_15.joints)
    joints = np.arange(2 * 15 * 3, dtype=np.float32).reshape(2, 15, 3)
    arrays = {"kp2d_body25": seen, "kp2d_body25_noisy": seen, "joints3d_cam": joints}
    return [_npz(folder, **arrays, joints=names)]


def _picture_seeds(folder: Path) -> list[bytes]:
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


def _mpii_npz_seeds(folder: Path) -> list[bytes]:
    from pose_lib.skeleton import MPII_16

    names, joints = np.array(MPII_16.joints), np.ones((2, 16, 2))
    return [_npz(folder, joints=joints, joint_names=names, image=np.array(["a.jpg", "b.jpg"]))]


def _lifted_seeds(folder: Path) -> list[bytes]:
    poses, flags = np.zeros((2, 15, 3), np.float32), np.zeros((2, 15), bool)
    refused = np.array(["", "no joint"])
    return [_npz(folder, poses3d=poses, filled=flags, refused=refused, spread=poses[..., 0])]


def _h36m_seeds(folder: Path) -> list[bytes]:
    from made_benchmarks import write_h36m

    truth, poses2d, _ = write_h36m(folder, n_frames=7, actions=("Walking",))
    return [_pieces(truth.read_bytes(), poses2d.read_bytes())]


def _mpii_mat_seeds(folder: Path) -> list[bytes]:
    from mpii_mat import image_of, person_of, save_release

    xy = np.arange(32.0).reshape(16, 2)
    images = [image_of("a.jpg", [person_of(xy, visible=[1] * 16)]), image_of("b.jpg")]
    return [save_release(folder / "mpii.mat", images).read_bytes()]


def _caffe_seeds(_: Path) -> list[bytes]:
    from tools.caffe_layers import layer_pieces, message

    blobs = [np.ones((2, 3, 2, 2), np.float32), np.ones(2, np.float32)]
    return [b"".join(message(100, layer_pieces("conv", "Convolution", blobs)))]


def _pair_seeds(folder: Path) -> list[bytes]:
    np.save(folder / "k.npy", np.ones((2, 18, 3), np.float32))
    np.save(folder / "f.npy", np.array(["a.jpg", "b.jpg"]))
    return [_pieces((folder / "k.npy").read_bytes(), (folder / "f.npy").read_bytes())]


def _lifter_seeds(folder: Path) -> list[bytes]:
    import torch

    from pose_lib.formats.lifter_folder import WEIGHTS, save_lifter
    from pose_lib.lifting.lifter import Lifter
    from pose_lib.lifting.networks import Regressor

    rng = torch.Generator().manual_seed(0)
    save_lifter(Lifter(Regressor(torch.ones(12), 2, rng), None, {}), folder)
    return [(folder / WEIGHTS).read_bytes()]


def _description_seeds(folder: Path) -> list[bytes]:
    from pose_lib.formats.lifter_folder import DESCRIPTION

    _lifter_seeds(folder)
    return [(folder / DESCRIPTION).read_bytes()]


def _checkpoint_seeds(folder: Path) -> list[bytes]:
    import torch

    from pose_lib.formats.training_checkpoint import CHECKPOINT, save_checkpoint
    from pose_lib.lifting.train import Checkpoint

    save_checkpoint(Checkpoint({"0/weight": torch.ones(3)}, {"step": 3}), folder)
    return [(folder / CHECKPOINT).read_bytes()]


def _record_seeds(_: Path) -> list[bytes]:
    from pose_lib.openpose.weights import AddedWeights

    return [
        AddedWeights("coco_18", "0" * 64, 10, "a.caffemodel", "0" * 64, True, "x")
        .to_json()
        .encode()
    ]


def _hdf5_seeds(folder: Path) -> list[bytes]:
    from made_benchmarks import write_mpi_3dhp

    write_mpi_3dhp(folder, sequences=("TS1",), n_frames=2)
    return [(folder / "TS1/annot_data.mat").read_bytes()]


def _store_seeds(folder: Path) -> list[bytes]:
    """Return the files of a small store as one JSON object, so that each can be changed."""
    sys.path.append(str(ROOT / "tests"))
    from made_up_store import make_annotated_store

    store = make_annotated_store(folder)
    files = [path for path in sorted(store.rglob("*")) if path.is_file()]
    kept = [path for path in files if path.relative_to(store).parts[0] != "shards"]
    return _json({path.relative_to(store).as_posix(): _as_json(path) for path in kept})


def _as_json(path: Path) -> object:
    content = path.read_bytes()
    return json.loads(content) if path.suffix == ".json" else content.decode("latin-1")


def _zarr_files(store: Path, data: bytes) -> None:
    shutil.rmtree(store, ignore_errors=True)
    try:
        files = json.loads(data)
    except (ValueError, RecursionError):
        files = None
    store.mkdir()
    if not isinstance(files, dict):
        (store / "zarr.json").write_bytes(data)
        return
    for name, content in files.items():
        path = store / name
        if ".." in name or "\0" in name or len(name) > 200 or not path.is_relative_to(store):
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            is_text = isinstance(content, str) and not name.endswith(".json")
            text = content.encode("latin-1", "replace") if is_text else json.dumps(content).encode()
            path.write_bytes(text)
        except (OSError, ValueError):
            continue


def _image_seeds(_: Path) -> list[bytes]:
    picture = (np.arange(48 * 64 * 3) % 251).astype(np.uint8).reshape(48, 64, 3)
    suffixes = (".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm", ".jp2")
    return [cv2.imencode(suffix, picture)[1].tobytes() for suffix in suffixes]


def _pieces(first: bytes, second: bytes) -> bytes:
    """Return two files as one: a length, and both."""
    return mutators.joined(first, second)


def _two_pieces(second: str) -> Callable[[Path, bytes], None]:
    def lay_out(path: Path, data: bytes) -> None:
        pieces = mutators.parted(data)
        path.write_bytes(pieces[0])
        path.with_name(second).write_bytes(pieces[1])

    return lay_out


def _in_folder(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def _with_description(path: Path, data: bytes) -> None:
    """Write weights with a description that has their hash, as whoever forges them would."""
    path.write_bytes(data)
    path.with_name("lifter.json").write_text(json.dumps(_description(data)))


def _with_weights(path: Path, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        weights = _WEIGHTS.get() if _WEIGHTS.filled else _WEIGHTS.fill(_lifter_seeds(Path(folder)))
    path.with_name("lifter.safetensors").write_bytes(weights)
    try:
        described = json.loads(data)
    except (ValueError, RecursionError):
        described = None
    if isinstance(described, dict) and "sha256" in described:
        described["sha256"] = hashlib.sha256(weights).hexdigest()
        data = json.dumps(described).encode()
    path.write_bytes(data)


class _Kept:
    """A value that is made once."""

    def __init__(self) -> None:
        self.filled: list[bytes] = []

    def fill(self, values: list[bytes]) -> bytes:
        self.filled = values
        return values[0]

    def get(self) -> bytes:
        return self.filled[0]


_WEIGHTS = _Kept()


def _description(weights: bytes) -> dict[str, object]:
    from pose_lib.formats.lifter_folder import SCHEMA

    digest = hashlib.sha256(weights).hexdigest()
    plain = {"schema": SCHEMA, "width": 2, "proportions": None, "sources": {}, "origin": {}}
    return {**plain, "sha256": digest}


def _json(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def _npz(_: Path, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()
