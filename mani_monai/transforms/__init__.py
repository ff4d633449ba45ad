from .colour_jitter import RandColourJitterd
from .hover_instances import hover_instances
from .hover_postprocessing import HoVerNetInstancesd
from .hover_targets import HoVerTargetsd, hover_maps
from .nuclei_table import nuclei_table
from .polygons import instance_polygons

__all__ = [
    "HoVerNetInstancesd",
    "HoVerTargetsd",
    "RandColourJitterd",
    "hover_instances",
    "hover_maps",
    "instance_polygons",
    "nuclei_table",
]
