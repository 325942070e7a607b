"""Thin Prefect tasks around ``pose_lib``."""
