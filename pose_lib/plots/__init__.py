"""Figures and pages: overlays on photographs, poses in space, reports and curves.

Arrays come in; figures, PNG and HTML go out, and nothing is written to a disk.
"""
