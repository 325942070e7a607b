"""CMU's models from file to maps, with made-up weights in the published layout."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from pose_lib.errors import InputError
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.engine import make_engine
from pose_lib.openpose.load import load_openpose
from pose_lib.openpose.models import (
    CMU_BODY_25,
    CMU_COCO,
    CMU_MPI,
    MOBILENET_THIN,
    PublishedFile,
    model_named,
)
from pose_lib.openpose.weights import add_weights as module
from pose_lib.openpose.weights.add_weights import add_weights, recognized_model, state_dict
from pose_lib.openpose.weights.weight_files import (
    added_weights,
    file_hash,
    find_weights,
    load_network,
)
from pose_lib.openpose.weights.weight_files import unfilled_network as unfilled
from tools.caffe_layers import LAYERS, random_blobs, random_image, write_caffemodel
from tools.check_caffe_models import REFERENCE, SEED


@pytest.fixture(scope="module")
def folder():
    """Not pytest's own, which it would keep after the tests with its half gigabyte."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module", params=LAYERS)
def added(request, folder):
    """A model whose made-up weights were added, and a picture drawn after them."""
    model = model_named(request.param)
    rng = np.random.default_rng(SEED)
    net = LAYERS[model.name]()
    file = folder / f"{model.name}.caffemodel"
    write_caffemodel(file, random_blobs(net, rng), net.types)
    add_weights(file, folder, trusted_as=model)
    file.unlink()
    return model, random_image(48, 64, rng)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_maps_are_those_of_opencv_4(added, folder, engine):
    """See ``tools/check_caffe_models.py``, which made them."""
    model, image = added
    if model is CMU_MPI and engine == "openvino":
        pytest.skip("has no layers that CMU_COCO has not, and takes three seconds")
    network = load_network(model, find_weights(model, folder))
    predict = make_engine(engine, network, precision="float32", threads=1)
    with np.load(REFERENCE, allow_pickle=False) as reference:
        expected = reference[model.name]
    assert expected.std() > 0.5
    np.testing.assert_allclose(np.concatenate(predict(image)), expected, atol=1e-4, rtol=0)


def test_people_are_looked_for_with_added_weights(added, folder):
    model, image = added
    config = OpenPoseConfig(model.name, engine="torch", input_height=48)
    detector = load_openpose(config, added_weights=folder)
    assert detector.skeleton == model.skeleton
    assert detector.detect(image).keypoints.shape[1:] == (len(model.skeleton), 3)


def test_added_weights_say_what_they_are(added, folder):
    model, _ = added
    record = added_weights(model, folder)
    assert record.model == model.name
    assert record.license == model.license.name
    assert not record.is_published
    weights = find_weights(model, folder)
    assert file_hash(weights.path, "sha256", remedy="") == record.sha256 == weights.sha256
    with safe_open(weights.path, framework="numpy") as content:
        about = json.loads(content.metadata()["about"])
    assert about["source_sha256"] == record.source_sha256


# What follows needs no large file: a layer or two stand for the whole.


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A file of one layer, and a model of that layer, published as that file."""
    blobs = {"conv1_1": [np.ones((2, 3, 3, 3), np.float32), np.zeros(2, np.float32)]}
    file = tmp_path / "tiny.caffemodel"
    write_caffemodel(file, blobs, {"conv1_1": "Convolution"})
    published = PublishedFile(file.name, "md5", file_hash(file, "md5", remedy=""))
    model = replace(CMU_MPI, name="tiny", make_network=Tiny, published=published)
    monkeypatch.setattr(module, "MODELS", (MOBILENET_THIN, CMU_COCO, model))
    return file, model


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1_1 = torch.nn.Conv2d(3, 2, 3)


def test_a_published_file_is_recognized_whatever_its_name(tiny, tmp_path):
    file, model = tiny
    renamed = file.rename(tmp_path / "weights")
    assert recognized_model(renamed) is model
    record = add_weights(renamed, tmp_path / "new/folder")
    assert record.is_published
    assert record.model == "tiny"
    assert load_network(model, find_weights(model, tmp_path / "new/folder")).conv1_1.bias.sum() == 0


def test_the_same_file_gives_the_same_hash_everywhere(tiny, tmp_path):
    file, _ = tiny
    assert len({add_weights(file, tmp_path / str(n)).sha256 for n in range(5)}) == 1


def test_a_file_of_unknown_origin_is_refused_unless_someone_vouches_for_it(tiny, tmp_path):
    file, model = tiny
    with file.open("ab") as end:
        end.write(b"\x08\x01")  # a field that nobody reads
    with pytest.raises(InputError, match=r"tiny\.caffemodel is none of .*--trust-as") as error:
        add_weights(file, tmp_path)
    assert "\n" not in str(error.value)
    record = add_weights(file, tmp_path, trusted_as=model)
    assert not record.is_published
    assert record.source_sha256 == file_hash(file, "sha256", remedy="")


def test_weights_of_another_model_are_refused(tiny, tmp_path):
    file, _ = tiny
    with pytest.raises(InputError, match=r"does not fit body_25: layer conv1_1 .*\(64, 3, 3, 3\)"):
        add_weights(file, tmp_path, trusted_as=CMU_BODY_25)
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_bundled_model_takes_no_other_weights(tiny, tmp_path):
    file, _ = tiny
    with pytest.raises(InputError, match="mobilenet_thin comes with the package"):
        add_weights(file, tmp_path, trusted_as=MOBILENET_THIN)


def test_weights_that_are_no_numbers_are_refused(tiny):
    file, model = tiny
    blobs = [np.ones((2, 3, 3, 3), np.float32), np.array([1, np.nan], np.float32)]
    with pytest.raises(InputError, match="no numbers in layer conv1_1"):
        state_dict({"conv1_1": blobs}, model, file)


def test_biases_with_four_axes_are_biases(tiny):
    file, model = tiny
    blobs = [np.ones((2, 3, 3, 3), np.float32), np.ones((1, 1, 1, 2), np.float32)]
    assert state_dict({"conv1_1": blobs}, model, file)["conv1_1.bias"].shape == (2,)


def test_damaged_added_weights_are_refused_with_what_to_do(tiny, tmp_path):
    file, model = tiny
    add_weights(file, tmp_path)
    weights = find_weights(model, tmp_path)
    weights.path.write_bytes(weights.path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"sha256.*poselift weights add tiny\.caffemodel"):
        load_network(model, weights)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"model": 1}'])
def test_a_damaged_record_is_refused_with_what_to_do(tiny, tmp_path, content):
    file, model = tiny
    add_weights(file, tmp_path)
    (tmp_path / "tiny.json").write_text(content)
    with pytest.raises(InputError, match=r"tiny\.json.*poselift weights add"):
        find_weights(model, tmp_path)


@pytest.mark.parametrize("added", [None, Path("nowhere")])
def test_missing_weights_are_refused_with_what_to_do(added):
    with pytest.raises(InputError, match=r"body_25 .*poselift weights add pose_iter_584000"):
        find_weights(CMU_BODY_25, added)


@pytest.mark.parametrize("name", LAYERS)
def test_networks_have_the_layers_that_were_published(name):
    ours = {}
    for parameter, tensor in unfilled(model_named(name)).state_dict().items():
        ours.setdefault(parameter.split(".")[-2], []).append(tuple(tensor.shape))
    assert ours == LAYERS[name]().shapes


@pytest.mark.parametrize(
    ("model", "n_bytes"), [(CMU_COCO, 209_274_056), (CMU_BODY_25, 104_715_850)]
)
def test_networks_are_as_large_as_the_published_files(model, n_bytes):
    n_weights = sum(weight.numel() for weight in unfilled(model).parameters())
    assert 0 < n_bytes - 4 * n_weights < 60_000  # names and settings of a few hundred layers
