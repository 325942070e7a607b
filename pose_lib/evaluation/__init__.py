"""How good found keypoints and lifted poses are: matching, metrics and reports.

Arrays in, numbers out; the annotations themselves are read in `pose_lib.datasets`.
"""
