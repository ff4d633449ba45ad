from mani_monai.utils.library_words import quiet_decoders
from mani_monai.utils.one_line import is_bundle_run

from .consep import read_consep
from .folder import read_folder
from .folder_images import FolderImages, ReadableImages
from .kirc import read_kirc
from .monuseg import read_monuseg
from .pannuke import read_pannuke
from .records import Listing, RawImage, RawMask, Record
from .tcia import read_tcia
from .tissue_reader import LoadTissued, MarkTissued, TissueReader
from .tnbc import read_tnbc

if is_bundle_run():  # which has no code of the project around it
    quiet_decoders.__enter__()

__all__ = [
    "FolderImages",
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
