"""Flows and commands: the order in which tasks run, and where.

A flow reads as a list of steps; a command checks its input, starts what is needed, runs one flow.
"""
