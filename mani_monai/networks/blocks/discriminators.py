"""What learns beside the segmenter: discriminators of pairs and of patches, and the projection before pooling."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrizations


class PairDiscriminator(nn.Module, ABC):
    """Scores pairs of feature vectors, one of the target and one of the source each."""

    @abstractmethod
    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """
        Args:
            target: ...K, vectors of the target.
            source: ...K, vectors of the source.

        Returns:
            ...1, the score T of each pair.
        """


class ConcatDiscriminator(PairDiscriminator):
    """Scores pairs of vectors: both concatenated, then three linear layers with ReLU between (Deep InfoMax, 1A).

    Dropout and spectral normalisation are beyond the paper: they keep the discriminator from being sure too soon.

    Args:
        channels: K, length of each vector.
        hidden: width of the two hidden layers.
        dropout: share of hidden units that is dropped in training.
        spectral_norm: divide each layer's weights by their largest singular value (Miyato et al. 2018), so that
            scores change no faster than the vectors do.

    Raises:
        ValueError: when ``dropout`` is not in [0, 1).
    """

    def __init__(self, channels: int, hidden: int = 512, dropout: float = 0.0, spectral_norm: bool = False) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}.")
        self.layers = nn.Sequential(
            nn.Linear(2 * channels, hidden),
            nn.Sequential(nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(hidden, hidden),
            nn.Sequential(nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(hidden, 1),
        )
        if spectral_norm:
            for position in (0, 2, 4):
                parametrizations.spectral_norm(self.layers[position])

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Scores pairs, see ``PairDiscriminator``."""
        return self.layers(torch.cat([target, source], dim=-1))


class BilinearDiscriminator(PairDiscriminator):
    """Scores pairs of vectors by a bilinear form with linear terms: the dot product of an affine map of each.

    ``T(t, s) = (A t + a) . (B s + b) / sqrt(hidden)``

    Args:
        channels: K, length of each vector.
        hidden: length of the mapped vectors, the rank of the form.
    """

    def __init__(self, channels: int, hidden: int = 64) -> None:
        super().__init__()
        self.target_map = nn.Linear(channels, hidden)
        self.source_map = nn.Linear(channels, hidden)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Scores pairs, see ``PairDiscriminator``."""
        target, source = self.target_map(target), self.source_map(source)
        return (target * source).sum(dim=-1, keepdim=True) / math.sqrt(target.shape[-1])


class CosineDiscriminator(PairDiscriminator):
    """Scores pairs of vectors by the cosine of an embedding of each, over a learned temperature.

    The scores stay within +-1 / coldest, so that no bound can run away. It is the "dot" form of Deep InfoMax in
    small: one hidden layer a vector, without its residual path, its LayerNorm and its 2048 units.

    Args:
        channels: K, length of each vector.
        hidden: width of the hidden layer and length of the embedding.
        temperature: where the temperature starts.
        coldest: the temperature stays above it.

    Raises:
        ValueError: when ``coldest`` <= 0 or ``temperature`` is not above it.
    """

    def __init__(self, channels: int, hidden: int = 128, temperature: float = 0.2, coldest: float = 0.05) -> None:
        super().__init__()
        if coldest <= 0:
            raise ValueError(f"coldest must be > 0, got {coldest}.")
        if temperature <= coldest:
            raise ValueError(f"temperature must be > coldest = {coldest}, got {temperature}.")
        self.target_map = self._embedding(channels, hidden)
        self.source_map = self._embedding(channels, hidden)
        self.log_warmth = nn.Parameter(torch.tensor(math.log(temperature - coldest)))
        self.coldest = coldest

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Scores pairs, see ``PairDiscriminator``."""
        target, source = normalize(self.target_map(target), dim=-1), normalize(self.source_map(source), dim=-1)
        return (target * source).sum(dim=-1, keepdim=True) / self.temperature()

    def temperature(self) -> Tensor:
        """The temperature as it is now, a scalar."""
        return self.coldest + self.log_warmth.exp()

    @staticmethod
    def _embedding(channels: int, hidden: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, hidden))


class PatchDiscriminator(nn.Sequential):
    """Scores overlapping patches of a map: five 4x4 convolutions of stride 2 without norm (AdaptSegNet, CVPR 2018).

    LeakyReLU of slope 0.2 stands between them. BCHW maps give B1hw scores, h = H / 32 rounded down: 5x5 for 160 px;
    maps of less than 32 px are too small.

    Args:
        in_channels: C, channels of the map.
        width: channels after the first convolution; then twice, four and eight times as many, and one. 64 is the
            published size (2,762,689 parameters for one channel).

    Raises:
        ValueError: when ``in_channels`` or ``width`` is below 1.
    """

    def __init__(self, in_channels: int = 1, width: int = 64) -> None:
        if in_channels < 1 or width < 1:
            raise ValueError(f"in_channels and width must be >= 1, got {in_channels} and {width}.")
        channels = [in_channels, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        super().__init__(*layers, nn.Conv2d(channels[-1], 1, kernel_size=4, stride=2, padding=1))


class ProjectionHead(nn.Sequential):
    """1x1 convolution, BatchNorm and ReLU with as many channels out as in (MaNi, section 2).

    Args:
        channels: K, channels of the BKHW features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Conv2d(channels, channels, kernel_size=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
