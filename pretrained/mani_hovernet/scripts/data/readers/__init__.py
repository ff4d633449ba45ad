from .folder_images import FolderImages
from .tissue_reader import LoadTissued
from .tissue_reader import MarkTissued
from .folder_images import ReadableImages
from .tissue_reader import TissueReader

__all__ = [
    "FolderImages",
    "LoadTissued",
    "MarkTissued",
    "ReadableImages",
    "TissueReader",
]
