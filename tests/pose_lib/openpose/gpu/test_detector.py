import functools
import os
import shutil
import signal
import threading

import numpy as np
import psutil
import pytest
import torch
from distributed import Client, LocalCluster

from pose_lib.datasets.sample import sample_images
from pose_lib.extract.detector import extract_images
from pose_lib.images.encode import write_image
from pose_lib.images.find import find_images
from pose_lib.keypoints import ImageStatus
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.gpu.detector import BatchConfig, BatchDetector
from pose_lib.openpose.gpu.network import CpuNetwork
from pose_lib.openpose.gpu.worker import slots_for
from pose_lib.openpose.load import load_openpose
from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.openpose.views import prepare, views_of
from pose_lib.openpose.weights.weight_files import bundled_weights, load_network

QUICK = OpenPoseConfig(engine="torch", input_height=176)
SEVERAL_VIEWS = OpenPoseConfig(engine="torch", input_height=176, scale_number=2, mirror=True)


class Recorder:
    """A network that keeps the size of each batch and says it is done only when asked again."""

    def __init__(self, config):
        network = load_network(MOBILENET_THIN, bundled_weights())
        self._network = CpuNetwork(network, precision=config.precision)
        self.map_type = self._network.map_type
        self.batches = []
        self.on_start = lambda: None

    def pin(self, memory):
        self.pinned = memory

    def unpin(self, memory):
        assert memory is self.pinned

    def start(self, images, maps):
        self.on_start()
        self.batches.append((len(images), *images[0].shape[:2]))
        return Unhurried(self._network.start(images, maps))


class Unhurried:
    def __init__(self, computation):
        self._computation = computation
        self._asked = 0
        self.wait = computation.wait
        self.seconds = computation.seconds

    def done(self):
        self._asked += 1
        return self._asked > 3


def batch_detector(config=QUICK, *, readers=1, images=4, **bounds):
    torch.set_num_threads(1)
    batches = BatchConfig(readers=readers, images=images, **bounds)
    return BatchDetector(config, MOBILENET_THIN, Recorder(config), batches)


@pytest.fixture(scope="module")
def shared_detector():
    detector = batch_detector(readers=2)
    yield detector
    detector.close()


@pytest.fixture
def detector(shared_detector):
    shared_detector.network.batches.clear()
    yield shared_detector
    shared_detector.network.on_start = lambda: None


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures of three sizes in turn, and two that cannot be read."""
    folder = tmp_path_factory.mktemp("pictures")
    source = find_images(sample_images())
    for name in ("astronaut.jpg", "demo_armsup.jpg", "demo_hips.jpg"):
        for number in range(3):
            write_image(folder / f"{number}_{name}", source.read(name))
    for number in (0, 2):
        shutil.copy(sample_images() / "broken.jpg", folder / f"{number}_broken.jpg")
    return find_images(folder)


def reads_of(source):
    return [functools.partial(source.only((name,)).read, name) for name in source.names]


def assert_same_results(results, expected):
    for one, other in zip(results, expected, strict=True):
        assert (one.status, one.size, one.reason) == (other.status, other.size, other.reason)
        np.testing.assert_allclose(one.people.keypoints, other.people.keypoints, atol=0.01)
        np.testing.assert_allclose(one.people.score, other.people.score, atol=1e-4)


@pytest.mark.parametrize("config", [QUICK, SEVERAL_VIEWS], ids=["one view", "several views"])
def test_people_are_those_found_one_by_one(pictures, config):
    detector = batch_detector(config)
    try:
        results = list(extract_images(reads_of(pictures), detector))
    finally:
        detector.close()
    expected = list(extract_images(reads_of(pictures), load_openpose(config)))
    assert [result.status for result in expected].count(ImageStatus.UNREADABLE) == 2
    assert_same_results(results, expected)
    assert all(result.seconds > 0 for result in results)


def test_half_precision_finds_the_people_within_two_pixels(pictures):
    half = OpenPoseConfig(engine="torch", input_height=176, precision="half")
    detector = batch_detector(half)
    try:
        results = list(detector.detect_many(reads_of(pictures)))
    finally:
        detector.close()
    for one, other in zip(
        results, extract_images(reads_of(pictures), load_openpose(QUICK)), strict=True
    ):
        assert len(one.people) == len(other.people)
        distance = np.abs(one.people.keypoints - other.people.keypoints)[..., :2]
        assert not distance.size or np.nanmedian(distance) < 2


def test_one_image_alone_is_detected_as_by_itself(detector, pictures):
    image = pictures.read("0_demo_armsup.jpg")
    people = detector.detect(image)
    expected = load_openpose(QUICK).detect(image)
    np.testing.assert_allclose(people.keypoints, expected.keypoints, atol=0.01)


def test_images_of_one_size_make_full_batches(detector, pictures):
    names = ["0_demo_armsup.jpg"] * 5 + ["0_astronaut.jpg"] * 4 + ["0_demo_armsup.jpg"] * 4
    reads = [functools.partial(pictures.read, name) for name in names]
    assert len(list(detector.detect_many(reads))) == len(names)
    sizes = [size for size, *_ in detector.network.batches]
    assert sorted(sizes) == [1, 4, 4, 4]


def test_a_rare_size_does_not_wait_for_the_end(pictures):
    detector = batch_detector(images=4, shared_bytes=8 * slot_bytes())
    rare, *common = ["0_demo_armsup.jpg"] + ["0_astronaut.jpg"] * 40
    reads = [functools.partial(pictures.read, name) for name in (rare, *common)]
    try:
        assert len(list(detector.detect_many(reads))) == 41
    finally:
        detector.close()
    sizes = [size for size, *_ in detector.network.batches]
    assert sizes.index(1) < len(sizes) - 1


@pytest.mark.parametrize("n_slots", [1, 3])
def test_no_more_images_are_under_way_than_there_is_memory_for(pictures, n_slots):
    detector = batch_detector(shared_bytes=n_slots * slot_bytes())
    taken = []
    reads = (taken.append(read) or read for read in reads_of(pictures))
    most = 0
    try:
        for number, _ in enumerate(detector.detect_many(reads)):
            most = max(most, len(taken) - number)
    finally:
        detector.close()
    assert detector.n_slots == n_slots
    assert number + 1 == len(pictures)
    assert most <= 3 * n_slots  # those done, but not yet in turn, take no slot


def test_no_images_give_no_results(detector):
    assert list(detector.detect_many([])) == []


def test_an_image_that_ends_its_process_is_failed_and_takes_no_other_along(detector, pictures):
    reads = reads_of(pictures)
    reads.insert(4, functools.partial(os.kill, 0, signal.SIGKILL))
    results = list(detector.detect_many(reads))
    assert results[4].status is ImageStatus.FAILED
    assert "SIGKILL" in results[4].reason
    del results[4]
    assert [result.status.label for result in results].count("unreadable") == 2
    assert [result.status.label for result in results].count("failed") == 0


def test_nothing_is_lost_with_a_worker_process_that_is_killed(detector, pictures):
    reads = 3 * reads_of(pictures)
    expected = list(detector.detect_many(reads))
    victim = psutil.Process(detector._workers.process_ids[0])
    detector.network.on_start = lambda: victim.is_running() and victim.kill()
    assert_same_results(list(detector.detect_many(reads)), expected)
    assert not victim.is_running()


def test_a_run_given_up_does_not_show_in_the_next(detector, pictures):
    given_up = detector.detect_many(reads_of(pictures))
    next(given_up)
    processes = [psutil.Process(number) for number in detector._workers.process_ids]
    given_up.close()
    assert not any(process.is_running() for process in processes)
    results = list(detector.detect_many(reads_of(pictures)[:3]))
    expected = list(extract_images(reads_of(pictures)[:3], load_openpose(QUICK)))
    assert_same_results(results, expected)


def test_a_fault_of_the_network_is_raised_and_leaves_no_process(pictures):
    detector = batch_detector()
    processes = []

    def fail():
        processes.extend(map(psutil.Process, detector._workers.process_ids))
        raise RuntimeError("the GPU is gone")

    detector.network.on_start = fail
    with pytest.raises(RuntimeError, match="the GPU is gone"):
        list(detector.detect_many(reads_of(pictures)))
    assert processes
    assert not any(process.is_running() for process in processes)


def test_it_works_in_a_dask_worker_and_ends_with_it(pictures):
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        call = client.submit(labels_and_processes, reads_of(pictures), pure=False)
        labels, numbers = call.result(timeout=60)
        assert all(psutil.pid_exists(number) for number in numbers)
    expected = [
        each.status.label for each in extract_images(reads_of(pictures), load_openpose(QUICK))
    ]
    assert labels == expected
    assert not wait_for(lambda: [n for n in numbers if psutil.pid_exists(n)])


_kept = []
"""Detectors live as long as their process, as those of the pipeline do."""


def labels_and_processes(reads):
    detector = batch_detector()
    _kept.append(detector)
    labels = [result.status.label for result in detector.detect_many(reads)]
    return labels, detector._workers.process_ids


@pytest.mark.parametrize("size", [(1, 1), (300, 1), (1, 300), (12_000, 1000), (65_000, 65_000)])
@pytest.mark.parametrize(
    "config", [OpenPoseConfig(), OpenPoseConfig(input_height=64, max_input_pixels=4096)]
)
def test_every_prepared_image_fits_its_slot(size, config):
    slots = slots_for(config, MOBILENET_THIN, np.dtype(np.float32))
    for view in views_of(*size, config):
        height, width = prepare(np.zeros((1, 1, 3), np.uint8), view).shape[:2]
        assert 3 * width * height <= slots.input_bytes
        assert 57 * (width // 8) * (height // 8) * 4 <= slots.map_bytes


def slot_bytes():
    return slots_for(QUICK, MOBILENET_THIN, np.dtype(np.float32)).slot_bytes


def wait_for(remaining, seconds=10):
    for _ in range(10 * seconds):
        if not remaining():
            break
        threading.Event().wait(0.1)
    return remaining()
