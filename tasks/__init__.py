"""Thin Prefect tasks around ``pose_lib``.

Paths and settings go in, paths and numbers come out; `checks` refuses wrong input beforehand.
"""
