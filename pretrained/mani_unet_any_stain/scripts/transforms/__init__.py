from .tissue import BackgroundOffTissued
from .part_nucleid import PartNucleid
from .nucleus import connected_nuclei
from .polygons import instance_polygons
from .nucleus import least_area
from .nuclei_table import nuclei_table
from .part_nuclei import part_nuclei
from .tissue import tissue_mask

__all__ = [
    "BackgroundOffTissued",
    "PartNucleid",
    "connected_nuclei",
    "instance_polygons",
    "least_area",
    "nuclei_table",
    "part_nuclei",
    "tissue_mask",
]
