"""What is fuzzed: every reader of files from outside, with small valid files to begin from."""

import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from research.fuzzing import fuzz_mutators as mutators
from research.fuzzing import fuzz_seeds as seeds

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
    from pose_lib.datasets.annotation_files import read_keypoint_truth
    from pose_lib.evaluation.sigmas_toml import read_sigmas
    from pose_lib.formats.openpose_json import read_openpose
    from pose_lib.images.find import find_images
    from pose_lib.lifting.config import TrainConfig
    from pose_lib.lifting.files.sweep_table import read_sweep

    def config(path: Path) -> object:
        return read_config(path, TrainConfig)

    toml, values = mutators.toml_pieces, mutators.json_values
    return {
        "openpose_json": Target("a_keypoints.json", read_openpose, seeds.openpose, values),
        "coco_json": Target("truth.json", read_keypoint_truth, seeds.truth, values),
        "config_toml": Target("config.toml", config, seeds.config, toml),
        "sweep_toml": Target("sweep.toml", read_sweep, seeds.sweep, toml),
        "sigmas_toml": Target("sigmas.toml", read_sigmas, lambda _: [b"wrist = 0.1\n"], toml),
        "image_list": Target("list.txt", find_images, lambda _: [b"a.jpg\n#b\nc/d.png\n"]),
    }


def _of_arrays() -> dict[str, Target]:
    from pose_lib.datasets.h36m import read_h36m_truth
    from pose_lib.datasets.image_truth import read_picture_truth
    from pose_lib.datasets.mpii import read_mpii, read_mpii_annotations
    from pose_lib.datasets.truth_reader import read_lifter_truth
    from pose_lib.lifting.files.poses3d_npz import read_lifted_poses
    from pose_lib.openpose.weights.caffemodel_reader import read_caffemodel

    def lifter_truth(path: Path) -> object:
        return read_lifter_truth(path, None, noisy=True)

    def h36m(path: Path) -> object:
        return read_h36m_truth(path, path.with_name("poses2d.npz"))

    members, either = mutators.npz_members, mutators.either
    return {
        "pose_truth_npz": Target("truth.npz", lifter_truth, seeds.pose_truth, members),
        "picture_truth_npz": Target("truth.npz", read_picture_truth, seeds.picture, members),
        "mpii_npz": Target("mpii.npz", read_mpii, seeds.mpii_npz, members),
        "lifted_npz": Target("poses.npz", read_lifted_poses, seeds.lifted, members),
        "h36m_npz": Target(
            "truth.npz", h36m, seeds.h36m, either(members), _two_pieces("poses2d.npz")
        ),
        "mpii_mat": Target(
            "mpii.mat", read_mpii_annotations, seeds.mpii_mat, mutators.mat_variable
        ),
        "caffemodel": Target("net.caffemodel", read_caffemodel, seeds.caffe, mutators.words),
    }


def _of_folders() -> dict[str, Target]:
    from pose_lib.datasets.mpi_inf_3dhp import read_mpi_3dhp_truth
    from pose_lib.formats.npy_pair import KEYPOINTS_FILE, read_npy_pair
    from pose_lib.lifting.files.checkpoint import read_checkpoint
    from pose_lib.lifting.files.lifter_folder import WEIGHTS, load_lifter
    from pose_lib.openpose.models import model_named
    from pose_lib.openpose.weights.weight_files import added_weights
    from pose_lib.store import read_keypoints

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
            seeds.pair,
            mutators.either(mutators.npy_header),
            _two_pieces("filenames.npy"),
        ),
        "lifter_safetensors": Target(
            WEIGHTS,
            lambda path: load_lifter(path.parent),
            seeds.lifter,
            mutators.safetensors_header,
            _with_description,
        ),
        "lifter_json": Target(
            "lifter.json",
            lambda path: load_lifter(path.parent),
            seeds.description,
            values,
            _with_weights,
        ),
        "checkpoint": Target(
            "checkpoint.safetensors",
            read_checkpoint,
            seeds.checkpoint,
            mutators.safetensors_header,
        ),
        "weights_record": Target(f"{coco.name}.json", record, seeds.record, values),
        "mpi_3dhp_mat": Target(
            "TS1/annot_data.mat",
            lambda path: read_mpi_3dhp_truth(path.parents[1]),
            seeds.hdf5,
            mutators.words,
            _in_folder,
        ),
        "zarr_store": Target("s.zarr", read_keypoints, seeds.store, values, _zarr_files),
    }


def _of_pictures() -> dict[str, Target]:
    from pose_lib.images.decode import UnreadableImage, decode_image

    def decode(path: Path) -> object:
        try:
            return decode_image(path.read_bytes(), max_pixels=1_000_000)
        except UnreadableImage:  # an outcome of the ledger
            return None

    return {"image": Target("image", decode, seeds.image, mutators.words)}


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
    weights = _weights()
    path.with_name("lifter.safetensors").write_bytes(weights)
    try:
        described = json.loads(data)
    except (ValueError, RecursionError):
        described = None
    if isinstance(described, dict) and "sha256" in described:
        described["sha256"] = hashlib.sha256(weights).hexdigest()
        data = json.dumps(described).encode()
    path.write_bytes(data)


@functools.cache
def _weights() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return seeds.lifter(Path(folder))[0]


def _description(weights: bytes) -> dict[str, object]:
    from pose_lib.lifting.files.lifter_folder import SCHEMA

    digest = hashlib.sha256(weights).hexdigest()
    plain = {"schema": SCHEMA, "width": 2, "proportions": None, "sources": {}, "origin": {}}
    return {**plain, "sha256": digest}
