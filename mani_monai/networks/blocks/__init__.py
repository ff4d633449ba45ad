from .discriminators import (
    BilinearDiscriminator,
    ConcatDiscriminator,
    CosineDiscriminator,
    PairDiscriminator,
    PatchDiscriminator,
    ProjectionHead,
)

__all__ = [
    "BilinearDiscriminator",
    "ConcatDiscriminator",
    "CosineDiscriminator",
    "PairDiscriminator",
    "PatchDiscriminator",
    "ProjectionHead",
]
