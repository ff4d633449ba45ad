from mani_monai.data.readers.geojson_outlines import read_geojson

from .geojson import write_geojson
from .instance_maps import write_instance_map, write_mask
from .overlays import outline_mask, outline_nuclei, write_overlay
from .tables import write_nuclei_csv

__all__ = [
    "outline_mask",
    "outline_nuclei",
    "read_geojson",
    "write_geojson",
    "write_instance_map",
    "write_mask",
    "write_nuclei_csv",
    "write_overlay",
]
