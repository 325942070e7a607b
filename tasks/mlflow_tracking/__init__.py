"""All that talks to MLflow: runs, the model registry, and what waits until a server answers.

The other tasks hand over paths and numbers.
"""
