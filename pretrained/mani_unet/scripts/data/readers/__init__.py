from .tissue_reader import LoadTissued
from .tissue_reader import MarkTissued
from .tissue_reader import TissueReader

__all__ = [
    "LoadTissued",
    "MarkTissued",
    "TissueReader",
]
