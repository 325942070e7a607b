"""From a photograph to 3D poses and a figure: python photo_to_3d.py PHOTO."""

import sys

import pose_lib
from pose_lib.datasets.sample import sample_images

photo = sys.argv[1] if len(sys.argv) > 1 else sample_images() / "demo_sit.jpg"

people = pose_lib.find_people(photo)  # x, y in pixels and confidence of each joint
poses = pose_lib.lift(people)  # x right, y down, z away from the viewer, pelvis at the origin
print(f"{people.n_people} people, 3D poses of shape {poses.poses3d.shape}")

for person in range(people.n_people):
    figure = pose_lib.plot_person(people, poses, person, image=pose_lib.read_image(photo))
    figure.savefig(f"person_{person}.png")
