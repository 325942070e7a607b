"""The keypoint store: people of many images in a zarr group that no interruption can spoil.

Workers write batches of results, each one file; `publish` assembles the arrays that readers use::

    <store>            attrs: schema, skeleton, joints, frame, config, weights, package_version,
                       published (a new id each time; null while the arrays are being written),
                       published_from (hash of what was assembled), root,
                       person_choice: rule, annotations, sha256, chosen, of
      images/          filename, size, status, reason, attempts, seconds, digest,
                       stamp (the fingerprint by which a change of the file is noticed)
      people/          keypoints, image, score, chosen
      shards/<shard key>-<hash>.npz    a batch (``batch_file``)
      shards/begun/    marks of batches that are being computed
      <number>.lease   who writes the store (``lock``)

Only the replacing of a single small object is taken to be atomic, as on S3: nothing is renamed
there. One run at a time writes a store, but nothing is lost where its workers do a batch twice,
even at the same time.
"""

from pose_lib.store.batches import Results, finished, write_shard
from pose_lib.store.gathering import NO_RESULT
from pose_lib.store.old_parts import convert_old_parts
from pose_lib.store.provenance import (
    FRAME,
    SCHEMA,
    Provenance,
    delete_store,
    is_store,
    open_store,
    other_settings,
    read_provenance,
    remake_store,
)
from pose_lib.store.publication import choose_again, publish
from pose_lib.store.read import (
    known_digests,
    read_choice,
    read_image_root,
    read_keypoints,
    read_ledger,
    read_worst,
)

__all__ = [
    "FRAME",
    "NO_RESULT",
    "SCHEMA",
    "Provenance",
    "Results",
    "choose_again",
    "convert_old_parts",
    "delete_store",
    "finished",
    "is_store",
    "known_digests",
    "open_store",
    "other_settings",
    "publish",
    "read_choice",
    "read_image_root",
    "read_keypoints",
    "read_ledger",
    "read_provenance",
    "read_worst",
    "remake_store",
    "write_shard",
]
