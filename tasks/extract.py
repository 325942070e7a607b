"""Extraction as Prefect tasks: what is there, what needs work, the work, and its publication."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from prefect import task

from pose_lib.detectors import PersonDetector, detector_named, extract_images
from pose_lib.errors import InputError
from pose_lib.extraction import ExtractConfig, at_full_size, join_results
from pose_lib.formats.images import ImageSource, find_images
from pose_lib.formats.keypoint_store import (
    Provenance,
    delete_store,
    finished,
    open_store,
    publish,
    read_image_root,
    write_shard,
)
from pose_lib.formats.person_choice import check_choice
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.ledger import LedgerTable
from pose_lib.openpose.engine import on_gpu
from pose_lib.person_choice import EVERYBODY, PersonChoice
from pose_lib.sharding import Shard, plan_shards
from tasks.patience import PATIENT
from tasks.workspace import current_workspace


@dataclass(frozen=True)
class Survey:
    """The images of a run as they are now.

    Attributes:
        digests: A hash of each image's content, by name.
    """

    source: ImageSource
    digests: dict[str, str]


@dataclass(frozen=True)
class Ledger:
    """What became of the images of a store, in numbers.

    Attributes:
        counts: Images by status label.
        reasons: Images that gave nothing although they should, as (name, why), the first few.
    """

    images: int
    people: int
    counts: dict[str, int]
    reasons: tuple[tuple[str, str], ...]


@task(name="survey-images")
def survey_images(images: str, config: ExtractConfig) -> Survey:
    """Find the images and hash their content; refuse a choice of people that cannot be made."""
    source = find_images(images, max_pixels=config.max_pixels)
    check_choice(config.choice, source.names)
    return Survey(source, source.digests())


@task(name="plan-shards")
def plan_missing_shards(
    survey: Survey, store: Path, config: ExtractConfig, n_workers: int, *, overwrite: bool
) -> list[Shard]:
    """Open the store and cut the images that it has no result for into shards.

    Images of equal content are computed once; failed ones are tried again.
    """
    origin = provenance(config)  # before anything is deleted, for weights may be lacking
    if overwrite:
        delete_store(store)
    open_store(store, origin)
    results = finished(store)
    places = results.find(list(survey.digests.values()))
    if not (places >= 0).any():
        _refuse_other_images(store, survey)
    final = results.final(places).tolist()
    wanted = zip(survey.digests.items(), final, strict=True)
    missing = {digest: name for (name, digest), is_final in wanted if not is_final}
    return plan_shards(
        list(missing.values()), images_per_shard=shard_length(config), n_workers=n_workers
    )


@task(name="extract-shard", task_run_name="extract {shard}", **PATIENT)
def extract_shard(shard: Shard, source: ImageSource, store: Path, config: ExtractConfig) -> int:
    """Find the people in the shard's images and write them to the store; return how many images.

    May run twice: the store keeps the results of every attempt apart.
    """
    detector = _detector(config)
    digests = list(source.only(shard.names).digests().values())
    reduced = replace(source, least_side=detector.least_side)
    # Of a source of one name each, for it may go to another process.
    reads = [functools.partial(reduced.only((name,)).read, name) for name in shard.names]
    results = [
        at_full_size(result, functools.partial(reduced.full_size, name))
        for name, result in zip(shard.names, extract_images(reads, detector), strict=True)
    ]
    keypoints = join_results(shard.names, results, detector.skeleton)
    seconds = np.array([result.seconds for result in results], np.float32)
    write_shard(store, keypoints, digests, seconds)
    return len(shard.names)


@task(name="publish-store", **PATIENT)
def publish_store(store: Path, survey: Survey, choice: PersonChoice = EVERYBODY) -> Ledger:
    """Assemble what readers of the store see, for exactly the surveyed images."""
    source = survey.source
    return ledger_of(publish(store, source.names, survey.digests, root=source.root, choice=choice))


def ledger_of(keypoints: Keypoints | LedgerTable, n_reasons: int = 20) -> Ledger:
    """Count what became of the images."""
    faults = np.flatnonzero(keypoints.status >= ImageStatus.UNREADABLE)[:n_reasons]
    return Ledger(
        images=keypoints.n_images,
        people=keypoints.n_people,
        counts=keypoints.counts(),
        reasons=tuple((keypoints.filename[row], keypoints.reason[row]) for row in faults),
    )


def shard_length(config: ExtractConfig) -> int:
    """Return how many images make a task: as set, else some 10 to 20 seconds of work."""
    if config.images_per_shard is not None:
        return config.images_per_shard
    quick = config.detector == "openpose" and on_gpu(config.openpose.engine)
    return 16_384 if quick else 128


def provenance(config: ExtractConfig) -> Provenance:
    """Return what the detector's results depend on beside the images."""
    weights = current_workspace().weights
    identity = detector_named(config.detector).identify(config, weights)
    settings = {"detector": config.detector, **identity.settings}
    return Provenance(identity.skeleton.name, identity.weights_sha256, settings)


def _refuse_other_images(store: Path, survey: Survey) -> None:
    """Refuse to replace the results of one folder of images by those of quite another."""
    root = read_image_root(store)
    if root not in (None, survey.source.root):
        raise InputError(
            f"{store} holds the people of other images, those in {root}; name another store, "
            "or ask for this one to be overwritten"
        )


@functools.lru_cache(maxsize=1)
def _detector(config: ExtractConfig) -> PersonDetector:
    """Load the network once per worker process; a process computes with one thread."""
    weights = current_workspace().weights
    return detector_named(config.detector).load(config, weights, threads=1)
