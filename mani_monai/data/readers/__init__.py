from .consep import read_consep
from .monuseg import read_monuseg
from .records import Listing, RawMask, Record
from .tnbc import read_tnbc

__all__ = ["Listing", "RawMask", "Record", "read_consep", "read_monuseg", "read_tnbc"]
