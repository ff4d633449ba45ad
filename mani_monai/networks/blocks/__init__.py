from .discriminators import (
    BilinearDiscriminator,
    ConcatDiscriminator,
    CosineDiscriminator,
    PairDiscriminator,
    PatchDiscriminator,
)
from .projection_head import ProjectionHead

__all__ = [
    "BilinearDiscriminator",
    "ConcatDiscriminator",
    "CosineDiscriminator",
    "PairDiscriminator",
    "PatchDiscriminator",
    "ProjectionHead",
]
