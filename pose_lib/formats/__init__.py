"""Readers and writers: everything that touches a disk."""
