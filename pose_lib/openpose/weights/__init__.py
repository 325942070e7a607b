"""Weights of OpenPose's networks: those that come with the package and those that users add.

A published ``.caffemodel`` is converted once; what is loaded is checked by its hash.
"""
