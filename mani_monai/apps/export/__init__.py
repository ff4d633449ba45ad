"""Bundles that others run: export, and inspection, which imports next to nothing."""
