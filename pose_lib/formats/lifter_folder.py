"""The name under which lifters registered by earlier versions import their reader; it must stay."""

from pose_lib.lifting.files.lifter_folder import load_lifter as load_lifter
