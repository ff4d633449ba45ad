from .autocast_inferer import AutocastInferer
from .tiled_hovernet_inferer import TiledHoVerNetInferer
from .whole_image_inferer import WholeImageInferer

__all__ = ["AutocastInferer", "TiledHoVerNetInferer", "WholeImageInferer"]
