"""Trains a bundle on prepared data."""
