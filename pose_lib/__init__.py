"""Poses: skeletons, OpenPose, lifting to 3D, file formats and plots, with nothing running."""
