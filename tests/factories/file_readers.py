"""Every reader of files from outside: how to call it, small valid files, and changes to these.

A change keeps enough of a file's format for its reader to look further in than its first check.
"""

import hashlib
import io
import json
import random
import re
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from made_benchmarks import write_mpi_3dhp
from made_up_store import make_annotated_store

from pose_lib.config import config_toml, read_config
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.datasets.image_truth import read_picture_truth
from pose_lib.datasets.mpi_inf_3dhp import read_mpi_3dhp_truth
from pose_lib.datasets.mpii import read_mpii
from pose_lib.datasets.truth_reader import read_lifter_truth
from pose_lib.evaluation.sigmas_toml import read_sigmas
from pose_lib.formats.npy_pair import KEYPOINTS_FILE, read_npy_pair
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.images.decode import UnreadableImage, decode_image
from pose_lib.images.find import find_images
from pose_lib.lifting.files.checkpoint import CHECKPOINT, read_checkpoint, save_checkpoint
from pose_lib.lifting.files.lifter_folder import DESCRIPTION, WEIGHTS, load_lifter, save_lifter
from pose_lib.lifting.files.poses3d_npz import read_lifted_poses
from pose_lib.lifting.files.sweep_table import read_sweep
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import Regressor
from pose_lib.lifting.training.config import TrainConfig
from pose_lib.lifting.training.train import Checkpoint
from pose_lib.openpose.models import model_named
from pose_lib.openpose.weights.caffemodel_reader import read_caffemodel
from pose_lib.openpose.weights.weight_files import AddedWeights, added_weights
from pose_lib.skeleton import BODY_15, COCO_17, MPII_16
from pose_lib.store import read_keypoints
from tools.caffe_layers import layer_pieces, message

Change = Callable[[bytes], bytes]
Mutator = Callable[[bytes, Change, random.Random], bytes]

_ODD_VALUES = (
    *(None, True, 0, -1, 3, 1e308, 2**31, 2**64, -(2**63), 10**400, float("nan"), float("inf")),
    *("", "a", "\x00", "\ud800", "../a", "/a", "a\nb", "\x1b[2J", "x" * 5000, "nan", "COCO_18"),
    *([], {}, [[]], [{}], {"a": {}}, [0] * 75, ["x"] * 54, [1, 2]),
)
_SHAPES = ("()", "(0,)", "(-1,)", "(4294967296, 4294967296)", "(3, 0, 2)", "(2, 15, 3)", "(2, 16)")
_FORMATS = ("<f4", ">f8", "<c16", "|b1", "<i8", "<U3", "|S5", "|O", "<M8[s]", "|V9", "<U0")
_TOML = (
    *("[", "]", "{", "}", "=", ".", '"', '"""', "#", "\n", "nan", "-1", "true", "1e999", "[[[["),
    *("2024-01-01", "0x" + "f" * 20, "9" * 5000, '"\\u0000"', "a.b.c.d = 1\n", "[[gan]]\n"),
    *("seed = -1\n", "[gan]\n", "gan = 3\n", "seeds = [1.5]\n", "[variants.a]\n"),
)


def plain_bytes(data: bytes, change: Change, chance: random.Random) -> bytes:
    return change(data)


def json_values(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Put an odd value into a JSON text, take a part away, or nest one."""
    try:
        return json.dumps(_changed(json.loads(data), chance)).encode()
    except (ValueError, RecursionError):
        return change(data)


def _changed(value, chance: random.Random):
    children = list(value) if isinstance(value, dict) else []
    children = list(range(len(value))) if isinstance(value, list) else children
    if not children or chance.random() < 0.15:
        return chance.choice((*_ODD_VALUES, [value, value], {"a": value}))
    key, changed = chance.choice(children), value.copy()
    if chance.random() < 0.1:
        del changed[key]
    else:
        changed[key] = _changed(value[key], chance)
    return changed


def toml_pieces(data: bytes, change: Change, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    end = start + chance.choice((0, 0, 1, 5, 30))
    return data[:start] + chance.choice(_TOML).encode() + data[end:]


def npz_members(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Change or take away one of an archive's arrays."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = chance.choice(list(members))
    except Exception:  # whatever is wrong with it
        return change(data)
    content = members.pop(name)
    if chance.random() < 0.9:
        members[name] = npy_header(content, change, chance)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy_header(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Change shape or number format in a ``.npy`` header, or what follows it."""
    end = data.find(b"\n") + 1
    if not data.startswith(b"\x93NUMPY") or not end or chance.random() < 0.4:
        return data[:end] + change(data[end:])
    head = data[10:end].decode("latin-1")
    if chance.random() < 0.5:
        head = re.sub(r"\([^)]*\)", chance.choice(_SHAPES), head, count=1)
    else:
        head = re.sub(r"'[<>|][^']*'", repr(chance.choice(_FORMATS)), head, count=1)
    return data[:8] + struct.pack("<H", len(head)) + head.encode("latin-1") + data[end:]


def safetensors_header(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Change the JSON before the tensors, with its length made right again."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= len(data) - 8 or chance.random() < 0.3:
        return change(data)
    header = json_values(data[8 : 8 + length], change, chance)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def words(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Put an odd number where a binary file has a word of four or eight bytes."""
    width = chance.choice((4, 8))
    if len(data) < width or chance.random() < 0.6:
        return change(data)
    place, largest = chance.randrange(len(data) // width) * width, (1 << 8 * width) - 1
    number = chance.choice((0, 1, 5, 0xFFFF, 1 << 31, largest, largest - 7, len(data)))
    return data[:place] + number.to_bytes(width, "little") + data[place + width :]


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
    read: Callable[[Path], object]
    seeds: Callable[[Path], list[bytes]]
    mutate: Mutator = plain_bytes
    lay_out: Callable[[Path, bytes], None] = lambda path, data: path.write_bytes(data) and None

    def write(self, folder: Path, data: bytes) -> Path:
        """Write the bytes as the reader expects them; return what it is to read."""
        path = folder / self.file
        path.parent.mkdir(exist_ok=True)
        self.lay_out(path, data)
        return path


def targets() -> dict[str, Target]:
    """Return all readers by name."""
    coco = model_named("coco_18")

    def weights_record(path: Path) -> object:
        path.with_suffix(".safetensors").touch()
        return added_weights(coco, path.parent)

    def lifter(path: Path) -> object:
        return load_lifter(path.parent)

    return {
        "openpose_json": Target("a_keypoints.json", read_openpose, _openpose, json_values),
        "coco_json": Target("truth.json", read_keypoint_truth, _truth, json_values),
        "config_toml": Target(
            "c.toml", lambda path: read_config(path, TrainConfig), _config, toml_pieces
        ),
        "sweep_toml": Target("sweep.toml", read_sweep, _sweep, toml_pieces),
        "sigmas_toml": Target("s.toml", read_sigmas, lambda _: [b"wrist = 0.1\n"], toml_pieces),
        "image_list": Target("list.txt", find_images, lambda _: [b"a.jpg\n#b\nc/d.png\n"]),
        "pose_truth_npz": Target(
            "t.npz",
            lambda path: read_lifter_truth(path, None, noisy=True),
            _pose_truth,
            npz_members,
        ),
        "picture_truth_npz": Target("t.npz", read_picture_truth, _picture_truth, npz_members),
        "mpii_npz": Target("mpii.npz", read_mpii, _mpii, npz_members),
        "lifted_npz": Target("poses.npz", read_lifted_poses, _lifted, npz_members),
        "npy_pair": Target(
            KEYPOINTS_FILE, lambda path: read_npy_pair(path.parent), _pair, npy_header, _with_names
        ),
        "caffemodel": Target("net.caffemodel", read_caffemodel, _caffe, words),
        "lifter_safetensors": Target(
            WEIGHTS, lifter, lambda _: [_lifter()[0]], safetensors_header, _with_description
        ),
        "lifter_json": Target(
            DESCRIPTION, lifter, lambda _: [_lifter()[1]], json_values, _with_weights
        ),
        "checkpoint": Target(CHECKPOINT, read_checkpoint, _checkpoint, safetensors_header),
        "weights_record": Target(f"{coco.name}.json", weights_record, _record, json_values),
        "mpi_3dhp_mat": Target(
            "TS1/annot_data.mat", lambda path: read_mpi_3dhp_truth(path.parents[1]), _hdf5, words
        ),
        "zarr_store": Target("s.zarr", read_keypoints, _store, json_values, _zarr_files),
        "image": Target("image", _decode, _images, words),
    }


def _json(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def _npz(**arrays: np.ndarray) -> list[bytes]:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return [file.getvalue()]


def _openpose(_: Path) -> list[bytes]:
    people = [{"person_id": [0], "pose_keypoints_2d": [1.5] * 75}]
    facts = {"filename": "a.jpg", "size": [640, 480], "status": "ok", "reason": ""}
    facts |= {"skeleton": "BODY_25", "scores": [0.5]}
    old = {"people": [{"pose_keypoints": [0.5] * 54}]}
    return _json(old, {"version": 1.3, "people": people, "image": facts}, {"people": people})


def _truth(_: Path) -> list[bytes]:
    person = {"joints": [[5.0, 6.0]] * 16, "visible": [1] * 16, "center": [1, 2], "scale": 1}
    mpii = {"joint_names": list(MPII_16.joints), "images": {"a.jpg": [person]}}
    crops = {"joint_names": list(MPII_16.joints), "crops": {"a.jpg": person}}
    entry = {"image_id": 1, "keypoints": [5, 6, 2] * 17, "area": 9, "bbox": [0, 0, 1, 1]}
    coco = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{**entry, "id": 1}]}
    return _json(mpii, crops, coco)


def _config(_: Path) -> list[bytes]:
    return [config_toml(TrainConfig()).encode(), b"seed = 3\n[gan]\nwidth = 64\n"]


def _sweep(_: Path) -> list[bytes]:
    return [b"seeds = [0, 1]\n[base.gan]\nwidth = 64\n[variants.a.gan]\nwidth = 32\n[variants.b]\n"]


def _pose_truth(_: Path) -> list[bytes]:
    seen, joints = np.ones((2, 25, 3), np.float32), np.ones((2, 15, 3), np.float32)
    arrays = {"kp2d_body25": seen, "kp2d_body25_noisy": seen, "joints3d_cam": joints}
    return _npz(**arrays, joints=np.array(BODY_15.joints))


def _picture_truth(_: Path) -> list[bytes]:
    shape, files = (2, len(COCO_17)), np.array(["a.jpg", "b.jpg"])
    arrays = {"kp2d": np.ones((*shape, 2)), "vis": np.ones(shape, np.int64)}
    arrays |= {"kp3d_cam_mm": np.ones((*shape, 3)), "kp_names": np.array(COCO_17.joints)}
    return _npz(files=files, image_index=np.array([0, 1]), **arrays)


def _mpii(_: Path) -> list[bytes]:
    names, images = np.array(MPII_16.joints), np.array(["a.jpg", "b.jpg"])
    return _npz(joints=np.ones((2, 16, 2)), joint_names=names, image=images)


def _lifted(_: Path) -> list[bytes]:
    poses, flags = np.zeros((2, 15, 3), np.float32), np.zeros((2, 15), bool)
    refused = np.array(["", "no joint"])
    return _npz(poses3d=poses, filled=flags, refused=refused, spread=poses[..., 0])


def _pair(_: Path) -> list[bytes]:
    file = io.BytesIO()
    np.save(file, np.ones((2, 18, 3), np.float32))
    return [file.getvalue()]


def _with_names(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    np.save(path.with_name("filenames.npy"), np.array(["a.jpg", "b.jpg"]))


def _caffe(_: Path) -> list[bytes]:
    blobs = [np.ones((2, 3, 2, 2), np.float32), np.ones(2, np.float32)]
    return [b"".join(message(100, layer_pieces("conv", "Convolution", blobs)))]


def _lifter() -> tuple[bytes, bytes]:
    """Return the weights and the description of a lifter."""
    regressor = Regressor(torch.ones(12), 2, torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        save_lifter(Lifter(regressor, None, {}), Path(folder))
        weights, description = (Path(folder, name).read_bytes() for name in (WEIGHTS, DESCRIPTION))
    return weights, description


def _with_description(path: Path, data: bytes) -> None:
    """Write weights with a description that has their hash, as whoever forges them would."""
    path.write_bytes(data)
    described = {**json.loads(_lifter()[1]), "sha256": hashlib.sha256(data).hexdigest()}
    path.with_name(DESCRIPTION).write_text(json.dumps(described))


def _with_weights(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.with_name(WEIGHTS).write_bytes(_lifter()[0])


def _checkpoint(folder: Path) -> list[bytes]:
    save_checkpoint(Checkpoint({"0/weight": torch.ones(3)}, {"step": 3}), folder)
    return [(folder / CHECKPOINT).read_bytes()]


def _record(_: Path) -> list[bytes]:
    record = AddedWeights("coco_18", "0" * 64, 10, "a.caffemodel", "0" * 64, True, "x")
    return [record.to_json().encode()]


def _hdf5(folder: Path) -> list[bytes]:
    write_mpi_3dhp(folder, sequences=("TS1",), n_frames=2)
    return [(folder / "TS1/annot_data.mat").read_bytes()]


def _store(folder: Path) -> list[bytes]:
    """Return the files of a small store as one JSON object, so that each can be changed."""
    store = make_annotated_store(folder)
    files = {path.relative_to(store): path for path in sorted(store.rglob("*")) if path.is_file()}
    return _json(
        {
            name.as_posix(): json.loads(path.read_bytes())
            if path.suffix == ".json"
            else path.read_bytes().decode("latin-1")
            for name, path in files.items()
            if name.parts[0] != "shards"
        }
    )


def _zarr_files(store: Path, data: bytes) -> None:
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    try:
        files = dict(json.loads(data))
    except (ValueError, TypeError, RecursionError):
        (store / "zarr.json").write_bytes(data)
        return
    for name, content in files.items():
        path = store / name
        if ".." in name or "\0" in name or len(name) > 200 or not path.is_relative_to(store):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        is_text = isinstance(content, str) and path.suffix != ".json"
        text = content.encode("latin-1", "replace") if is_text else json.dumps(content).encode()
        path.write_bytes(text)


def _images(_: Path) -> list[bytes]:
    picture = (np.arange(48 * 64 * 3) % 251).astype(np.uint8).reshape(48, 64, 3)
    suffixes = (".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm", ".jp2")
    return [cv2.imencode(suffix, picture)[1].tobytes() for suffix in suffixes]


def _decode(path: Path) -> object:
    try:
        return decode_image(path.read_bytes(), max_pixels=1_000_000)
    except UnreadableImage:  # an outcome of the ledger
        return None
