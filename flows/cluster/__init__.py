"""Where the work runs: the Dask runner and the settings of clusters.

This is the one place that names Dask.
"""
