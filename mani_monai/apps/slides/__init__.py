"""Whole slides: exact tiles, constant memory, resumable."""
