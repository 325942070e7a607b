import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from flows.commands import weights as cli_weights
from flows.commands.weights import weights_app
from pose_lib.errors import InputError
from pose_lib.openpose.models import CMU_BODY_25, MODELS, PublishedFile
from pose_lib.openpose.weights import add_weights as adding
from pose_lib.openpose.weights import model_list
from pose_lib.openpose.weights.weight_files import file_hash
from tools.caffe_layers import LayerList, random_blobs, write_caffemodel

# The weights are tested in tests/pose_lib/openpose; here a network of one layer stands for all.


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("POSELIFT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def published(home, tmp_path, monkeypatch):
    """The file of a made-up BODY_25, small enough for tests."""
    net = LayerList()
    net.conv("conv1_1", "image", n_out=2, size=3)
    file = tmp_path / "pose_iter_584000.caffemodel"
    write_caffemodel(file, random_blobs(net, np.random.default_rng(0)), net.types)
    network = torch.nn.ModuleDict({"conv1_1": torch.nn.Conv2d(3, 2, 3)})
    model = replace(
        CMU_BODY_25,
        make_network=lambda: network.to("meta"),
        published=PublishedFile(file.name, "sha256", file_hash(file, "sha256", remedy="")),
    )
    for module in (adding, model_list):
        monkeypatch.setattr(module, "MODELS", (*MODELS[:-1], model))
    return file


def weights(*arguments, typed=""):
    return CliRunner().invoke(weights_app, [str(each) for each in arguments], input=typed)


def listed():
    models = json.loads(weights("list", "--json").stdout)["models"]
    return {model["model"]: model for model in models}


def test_the_list_says_what_is_there_and_what_to_do_about_the_rest(home):
    models = listed()
    assert list(models) == ["mobilenet_thin", "coco_18", "mpi_15", "body_25"]
    assert models["mobilenet_thin"]["where"] == "bundled"
    assert models["body_25"]["where"] == "missing"
    assert models["body_25"]["remedy"] == "poselift weights add pose_iter_584000.caffemodel"
    assert [model["joints"] for model in models.values()] == [18, 18, 15, 25]

    shown = weights("list").stdout
    assert "noncommercial research" in shown
    assert "pose_iter_160000.caffemodel" in shown


def test_the_license_is_shown_and_must_be_accepted(home, published):
    refused = weights("add", published)
    assert isinstance(refused.exception, InputError)
    assert "--accept-license" in str(refused.exception)
    assert "noncommercial, internal research" in refused.stderr
    assert "OpenPose/blob/master/LICENSE".lower() in refused.stderr.lower()
    assert not home.exists()


@pytest.mark.parametrize("option", ["--accept-license", "--accept-licence"])
def test_an_accepted_file_is_added(home, published, option):
    added = weights("add", published, option)
    assert added.exit_code == 0
    assert "License:" in added.stderr
    assert (home / "weights/body_25.safetensors").is_file()
    assert listed()["body_25"]["where"] == "added"
    assert "weights add pose_iter_584000" not in weights("list").stdout


def test_on_a_terminal_it_asks(home, published, monkeypatch):
    monkeypatch.setattr(cli_weights, "_can_ask", lambda: True)
    refused = weights("add", published, typed="n\n")
    assert "not accepted" in str(refused.exception)
    assert not home.exists()
    assert weights("add", published, typed="y\n").exit_code == 0


def test_json_alone_is_on_stdout(home, published):
    added = json.loads(weights("add", published, "--accept-license", "--json").stdout)
    assert added["model"] == "body_25"
    assert added["is_published"]


def test_a_file_of_unknown_origin_needs_someone_to_vouch_for_it(home, published):
    with published.open("ab") as end:
        end.write(b"\x08\x01")
    assert "--trust-as" in str(weights("add", published, "--accept-license").exception)
    wrong = weights("add", published, "--accept-license", "--trust-as", "coco_18")
    assert "does not fit coco_18" in str(wrong.exception)
    assert "body_26" in str(weights("add", published, "--trust-as", "body_26").exception)


def test_weights_that_were_cut_short_are_listed_as_damaged(home, published):
    weights("add", published, "--accept-license")
    converted = home / "weights/body_25.safetensors"
    converted.write_bytes(converted.read_bytes()[:-1])
    assert listed()["body_25"]["where"] == "damaged"
    (home / "weights/body_25.json").write_text("{")
    assert listed()["body_25"]["where"] == "damaged"
