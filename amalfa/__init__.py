"""Amalfa answers questions over a folder of Markdown notes; sonar is the daemon that does the work."""

__version__ = "0.1.0"
