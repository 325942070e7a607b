"""OpenPose: from an image to the maps of a network, and from these to people.

`load` is the detector's entry point; networks, weights and work on a GPU have rooms of their own.
"""
