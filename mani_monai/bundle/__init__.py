"""Bundles that others run: export, what the model zoo asks, and inspection, which imports next to nothing."""
