from .tissue import BackgroundOffTissued
from .hover_postprocessing import HoVerNetInstancesd
from .stain_normalisation import NormaliseStainsd
from .nucleus import connected_nuclei
from .hover_instances import hover_instances
from .polygons import instance_polygons
from .nucleus import least_area
from .stain_normalisation import normalise_stains
from .nuclei_table import nuclei_table
from .tissue import tissue_mask

__all__ = [
    "BackgroundOffTissued",
    "HoVerNetInstancesd",
    "NormaliseStainsd",
    "connected_nuclei",
    "hover_instances",
    "instance_polygons",
    "least_area",
    "normalise_stains",
    "nuclei_table",
    "tissue_mask",
]
