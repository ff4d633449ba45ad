from mani_monai.utils.library_words import silence_decoders

from .consep import read_consep
from .folder import read_folder
from .kirc import read_kirc
from .monuseg import read_monuseg
from .pannuke import read_pannuke
from .readable_images import ReadableImages
from .records import Listing, RawImage, RawMask, Record
from .tcia import read_tcia
from .tissue_reader import LoadTissued, MarkTissued, TissueReader
from .tnbc import read_tnbc

silence_decoders()

__all__ = [
    "Listing",
    "LoadTissued",
    "MarkTissued",
    "RawImage",
    "RawMask",
    "ReadableImages",
    "Record",
    "TissueReader",
    "read_consep",
    "read_folder",
    "read_kirc",
    "read_monuseg",
    "read_pannuke",
    "read_tcia",
    "read_tnbc",
]
