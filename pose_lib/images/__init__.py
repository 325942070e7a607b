"""Photographs in: find them, name them, and read them as arrays.

Folders, globs, lists of names and videos, here or at a URL, become one sorted list.
"""
