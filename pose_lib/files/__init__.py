"""Where bytes lie: locations, whole writes, names and hashes, and readers that trust no file.

Nothing here knows of poses or images.
"""
