from .concat_hovernet import ConcatHoVerNet
from .encoder_weights import load_encoder, prepare_encoder
from .light_hovernet import ConcatLightHoVerNet, LightHoVerNet

__all__ = ["ConcatHoVerNet", "ConcatLightHoVerNet", "LightHoVerNet", "load_encoder", "prepare_encoder"]
