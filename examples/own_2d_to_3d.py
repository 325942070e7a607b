"""Your own 2D keypoints to 3D: any detector's, as an array (person, joint, 3).

Name the order of the joints. OpenPose's JSON needs no script: `poselift lift FOLDER --out 3d`, or
`pose_lib.read_openpose_json` in place of the array.
"""

import numpy as np

import pose_lib

# Right leg lifted to the side. x, y in pixels (y down) and confidence; 0, 0, 0 is a missing joint.
keypoints = np.array([[
    [320, 80, 0.9], [320, 130, 0.9],  # nose, neck
    [290, 130, 0.9], [270, 190, 0.8], [260, 250, 0.8],  # right shoulder, elbow, wrist
    [350, 130, 0.9], [370, 190, 0.8], [0, 0, 0],  # left shoulder, elbow; its wrist was not seen
    [320, 260, 0.9],  # pelvis
    [300, 260, 0.9], [235, 310, 0.8], [170, 360, 0.8],  # right hip, knee, ankle
    [340, 260, 0.9], [342, 345, 0.9], [344, 430, 0.9],  # left hip, knee, ankle
]])  # fmt: skip

poses = pose_lib.lift(keypoints, skeleton=pose_lib.BODY_15)  # COCO_17 for many other detectors
for joint, (x, y, z) in zip(pose_lib.BODY_15.joints, poses.poses3d[0], strict=True):
    print(f"{joint:15} x {x:5.2f}  y {y:5.2f}  z {z:5.2f}")
print("imputed:", *np.array(pose_lib.BODY_15.joints)[keypoints[0, :, 2] == 0])
