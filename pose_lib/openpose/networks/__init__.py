"""OpenPose's networks as torch modules.

Their layers are named as in the published files, so that weights fit by name.
"""
