"""A lifter that you trained, from MLflow's registry: python registered_lifter.py [MODEL_URI].

Train one first, in the same folder; it becomes the version that `champion` points to:

    poselift train DATA                # a store, an npy pair, OpenPose JSON, or MPII annotations
    poselift models list               # what is registered

The registry is `.poselift/mlflow.db`, or the server that MLFLOW_TRACKING_URI names.
"""

import sys

import pose_lib
from pose_lib.datasets.sample import sample_images
from tasks.mlflow_tracking.registry import fetch_lifter  # pose_lib itself knows no MLflow

uri = sys.argv[1] if len(sys.argv) > 1 else "models:/pose-lifter@champion"
lifter = fetch_lifter(uri)
print("loaded", uri, "- lifter.origin holds the settings it was trained with")

people = pose_lib.find_people(sample_images() / "demo_sit.jpg")
poses = pose_lib.lift(people, lifter)
pose_lib.plot_person(people, poses).savefig("registered_lifter.png")
