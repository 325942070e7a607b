from dataclasses import replace

import pytest

from pose_lib.errors import InputError
from pose_lib.extract.detector import DetectorModule, detector_named
from pose_lib.extract_config import ExtractConfig
from pose_lib.openpose import engine
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.skeleton import COCO_18


def identity(tmp_path, **settings):
    return detector_named("openpose").identify(OpenPoseConfig(**settings), tmp_path)


@pytest.mark.parametrize("name", ["openpose", "movenet"])
def test_our_own_detectors_are_installed_and_offer_what_a_detector_does(name):
    assert isinstance(detector_named(name), DetectorModule)


def test_an_unknown_detector_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match="'movnet'; installed are movenet, openpose"):
        detector_named("movnet")


def test_results_depend_on_every_setting_but_the_engine(tmp_path):
    default = identity(tmp_path)
    assert default.skeleton == COCO_18
    assert identity(tmp_path, engine="torch") == identity(tmp_path, engine="openvino") == default
    for setting in ({"input_height": 320}, {"mirror": True}, {"scale_number": 2}):
        assert identity(tmp_path, **setting) != default


def test_half_precision_is_known_by_the_numbers_that_it_means_here(tmp_path, monkeypatch):
    told = identity(tmp_path, precision="half", engine="torch").settings["precision"]
    assert told == "bfloat16"
    monkeypatch.setattr(engine, "gpu_is_here", lambda: True)
    assert identity(tmp_path, precision="half").settings["precision"] == "float16"
    assert identity(tmp_path, precision="float32").settings["precision"] == "float32"


def test_a_detector_gets_its_own_part_of_the_settings():
    config = ExtractConfig(openpose=OpenPoseConfig(mirror=True), images_per_shard=3)
    assert config.detector_settings == config.openpose
    assert replace(config, detector="movenet").detector_settings is None
