"""Lifting 2D poses to 3D with a GAN that has only ever seen 2D."""
