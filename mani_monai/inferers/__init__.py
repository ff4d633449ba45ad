from .autocast_inferer import AutocastInferer
from .network_reach import network_reach
from .tiled_hovernet_inferer import TiledHoVerNetInferer
from .whole_image_inferer import WholeImageInferer

__all__ = ["AutocastInferer", "TiledHoVerNetInferer", "WholeImageInferer", "network_reach"]
