from .concat_hovernet import ConcatHoVerNet
from .encoder_weights import load_encoder, prepare_encoder

__all__ = ["ConcatHoVerNet", "load_encoder", "prepare_encoder"]
