"""Where the work runs: the Dask runner, its workers, and the settings of clusters.

No other package of the flows names Dask.
"""
