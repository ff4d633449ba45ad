"""Folders of images through an exported bundle: nuclei, files, a summary, and pixel sizes that fit."""
