"""Count what each step of an extraction asks of S3: `python -m benchmarks.remote_requests`.

The server is moto's, on loopback; images and people are made up, the store's code is the real one.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from moto.server import ThreadedMotoServer
from werkzeug.serving import WSGIRequestHandler

from pose_lib.files.locations import Location, location
from pose_lib.images.encode import encode_image
from pose_lib.images.find import find_images
from pose_lib.images.source import ImageSource
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import COCO_18
from pose_lib.store import (
    Provenance,
    finished,
    known_digests,
    open_store,
    other_settings,
    publish,
    read_keypoints,
)
from pose_lib.store.batches import begin_batch, begun_digests, end_batch, shard_key, write_batch
from pose_lib.store.ledger import ExtractionResults

N_IMAGES = 32  # one batch
ORIGIN = Provenance(COCO_18.name, "made up")


def main() -> None:
    """Print a table of requests for one batch of images."""
    asked: Counter[str] = Counter()
    server = _counting_server(asked)
    photos, store = location("s3://bucket/photos"), location("s3://bucket/k.zarr")
    photos.fs.mkdir("bucket")
    for number in range(N_IMAGES):
        shade = np.full((48, 64, 3), number, np.uint8)
        (photos / f"{number:03}.png").write_bytes(encode_image(".png", shade))

    def step(name: str, do: Callable[[], Any]) -> Any:
        asked.clear()
        result = do()
        kinds = "  ".join(
            f"{kind} {asked[kind]:3}" for kind in ("GET", "HEAD", "PUT", "POST", "DELETE")
        )
        print(f"{name:<36} {kinds}")
        return result

    print(f"{N_IMAGES} images\n")
    source = step("list the images", lambda: find_images(str(photos)))
    stamps = step("learn their stamps", source.fingerprints)
    digests = step("hash them", lambda: source.digests(stamps))
    step("read them", lambda: [source.read(name) for name in source.names])
    step("make the store", lambda: open_store(store, ORIGIN))
    step("begin a shard", lambda: _begin_shard(store, digests))
    step("keep the first batch", lambda: _keep(store, source, digests))
    step("keep another batch", lambda: _keep(store, source, digests))
    step(
        "publish",
        lambda: publish(store, source.names, digests, fingerprints=stamps, root=source.root),
    )
    known = step("learn what is known", lambda: known_digests(store))
    step("hash them when nothing changed", lambda: source.digests(stamps, known))
    step("read the keypoints", lambda: read_keypoints(store))
    server.stop()


def _counting_server(asked: Counter[str]) -> ThreadedMotoServer:
    def count(request: WSGIRequestHandler, *_: Any) -> None:
        asked[request.command] += 1

    WSGIRequestHandler.log_request = count
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.get_host_and_port()[1]}",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return server


def _keep(store: Location, source: ImageSource, digests: dict[str, str]) -> None:
    """Write a batch as a shard does, with one person in each image."""
    n_images = len(source)
    people = Keypoints(
        skeleton=COCO_18,
        filename=source.names,
        size=np.full((n_images, 2), (64, 48), np.int32),
        status=np.full(n_images, ImageStatus.OK, np.int64),
        reason=("",) * n_images,
        keypoints=np.ones((n_images, len(COCO_18), 3), np.float32),
        image=np.arange(n_images),
        score=np.ones(n_images, np.float32),
    )
    of_images = tuple(digests.values())
    key, ones = shard_key(of_images), np.ones(n_images)
    results = ExtractionResults(people, of_images, ones.astype(np.int32), ones.astype(np.float32))
    mark = begin_batch(store, key, of_images)
    write_batch(store, key, results, ORIGIN)
    end_batch(store, mark)


def _begin_shard(store: Location, digests: dict[str, str]) -> None:
    """Ask what a worker asks before the first batch of a shard."""
    key = shard_key(tuple(digests.values()))
    other_settings(store, ORIGIN)
    begun_digests(store, key)
    finished(store, key)


if __name__ == "__main__":
    main()
