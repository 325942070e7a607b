"""OpenPose over many images at once, on a GPU.

Worker processes read images and decode maps while the GPU computes batches.
"""
