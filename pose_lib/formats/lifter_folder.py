"""The import path of lifters registered by version 0.1.0; it must stay.

MLflow keeps that version's ``tasks/lifter_model.py`` with each of them. It imports ``load_lifter``
from here and ``BODY_15`` from ``pose_lib.skeleton``, and calls ``load_lifter(folder)`` and
``lifter.lift(poses).poses3d``: these names stay, too.
"""

from pose_lib.lifting.files.lifter_folder import load_lifter as load_lifter
