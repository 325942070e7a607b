"""Servers and processes of a run on this machine: Prefect, MLflow, their supervisor.

With servers named in the environment none of these start.
"""
