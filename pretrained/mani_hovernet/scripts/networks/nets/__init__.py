from .light_hovernet import ConcatLightHoVerNet
from .light_hovernet import LightHoVerNet

__all__ = [
    "ConcatLightHoVerNet",
    "LightHoVerNet",
]
