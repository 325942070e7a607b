"""From images to results: what became of each image, and the work on one shard.

Detectors plug in here; what they find goes to `pose_lib.store`.
"""
