from .discriminator import ConcatDiscriminator
from .pair_discriminator import PairDiscriminator
from .patch_discriminator import PatchDiscriminator
from .projection_head import ProjectionHead
from .similarity_discriminator import BilinearDiscriminator, CosineDiscriminator

__all__ = [
    "BilinearDiscriminator",
    "ConcatDiscriminator",
    "CosineDiscriminator",
    "PairDiscriminator",
    "PatchDiscriminator",
    "ProjectionHead",
]
