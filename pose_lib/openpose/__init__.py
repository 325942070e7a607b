"""OpenPose: the network, its weights, and the decoding of its maps into people."""
