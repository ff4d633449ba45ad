from .overlays import outline_mask
from .overlays import outline_nuclei
from .geojson import write_geojson
from .instance_maps import write_instance_map
from .instance_maps import write_mask
from .tables import write_nuclei_csv
from .overlays import write_overlay

__all__ = [
    "outline_mask",
    "outline_nuclei",
    "write_geojson",
    "write_instance_map",
    "write_mask",
    "write_nuclei_csv",
    "write_overlay",
]
