from .consep import read_consep
from .folder import read_folder
from .kirc import read_kirc
from .monuseg import read_monuseg
from .records import Listing, RawMask, Record
from .tcia import read_tcia
from .tnbc import read_tnbc

__all__ = [
    "Listing",
    "RawMask",
    "Record",
    "read_consep",
    "read_folder",
    "read_kirc",
    "read_monuseg",
    "read_tcia",
    "read_tnbc",
]
