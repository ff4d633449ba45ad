from .autocast_inferer import AutocastInferer
from .tiled_hovernet_inferer import TiledHoVerNetInferer

__all__ = [
    "AutocastInferer",
    "TiledHoVerNetInferer",
]
