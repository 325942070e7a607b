"""Pictures of poses: overlays on images and 3D figures."""
