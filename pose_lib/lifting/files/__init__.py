"""Files of the lifting: lifter folders, checkpoints of a training, sweeps and 3D poses.

The networks themselves know no files.
"""
