"""A keypoint store as named axes: python store_with_xarray.py STORE.zarr.

Make one with `poselift extract photographs/ --store STORE.zarr`, and get xarray with
`pip install "poselift[xarray]"`.
"""

import sys

import pose_lib

people = pose_lib.to_xarray(pose_lib.load_keypoints(sys.argv[1]))
print(people)

# Whose left wrist is above the neck? y points down; a joint that was not found is NaN.
y = people.keypoints.sel(xyc="y")
raised = y.sel(joint="left_wrist") < y.sel(joint="neck")
print("left hand up in", sorted(set(people.filename[raised].values)))

# Share of people in whom each joint was found.
found = people.keypoints.sel(xyc="confidence") > 0
print(found.mean("person").round(2).to_series().to_string())
