"""What every task stands on: retries, progress, signals, artifacts and the working folder.

Nothing here knows of poses.
"""
