"""Packages that come with an extra alone: what a person installs where one is missing."""

from __future__ import annotations

EXTRAS = {
    "pyarrow": "slides", "shapely": "slides", "openslide": "slides", "tiffslide": "slides", "zarr": "slides",
    "imagecodecs": "slides", "highdicom": "dicom", "pydicom": "dicom", "submitit": "cluster", "ray": "ray",
    "pandas": "studies",
}  # fmt: skip
"""The extra of mani-monai that brings a module, by the module's name."""


def missing_extra(error: BaseException) -> str | None:
    """The line on a package that an extra brings, where its lack is what an error says; None of any other error."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    name = error.name.partition(".")[0]
    return f'the package {name} is missing; pip install "mani-monai[{EXTRAS[name]}]".' if name in EXTRAS else None
