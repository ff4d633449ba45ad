from .discriminator import ConcatDiscriminator
from .projection_head import ProjectionHead

__all__ = ["ConcatDiscriminator", "ProjectionHead"]
