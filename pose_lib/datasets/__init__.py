"""Data sets and their annotations: MPII, Human3.6M, MPI-INF-3DHP, COCO-like truth, the sample.

Readers give poses in the frames and units of `pose_lib`.
"""
