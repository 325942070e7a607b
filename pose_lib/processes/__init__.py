"""Processes and the machine: worker processes that may be killed, cores and host.

Nothing here knows of poses or images.
"""
