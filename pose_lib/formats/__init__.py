"""Exchange formats: keypoints as other programs read and write them.

OpenPose JSON and npy pairs are read and written, COCO results and CSV written.
"""
