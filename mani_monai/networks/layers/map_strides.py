"""How many pixels of an image one pixel of a map stands for, followed through a network's pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

_STRIDE = "stride_of_map"
_PLACES = {"conv2d": 3, "conv_transpose2d": 3, "max_pool2d": 2, "avg_pool2d": 2}
"""Functions with a stride, and its place among the arguments."""
_POOLING = 2


class MapStrides(TorchFunctionMode):
    """Within it every map that is made of an image knows its stride, also where borders are cropped.

    Args:
        image: BCHW; its own stride is 1.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        setattr(image, _STRIDE, 1.0)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Calls a function of torch, and notes the stride of the map that it gives."""
        options = dict(kwargs or {})
        made = func(*args, **options)
        given = next((map_ for map_ in _tensors([*args, *options.values()]) if hasattr(map_, _STRIDE)), None)
        if given is not None:
            stride = getattr(given, _STRIDE) * _factor(func, args, options, given, made)
            for map_ in _tensors([made]):
                if map_.ndim == given.ndim:  # statistics of a map are none
                    setattr(map_, _STRIDE, stride)
        return made


def stride_of(map_: Tensor) -> float:
    """Pixels of the image's edge that one of a map's stands for.

    Args:
        map_: made of the image within :class:`MapStrides`.

    Raises:
        ValueError: when it was made otherwise.
    """
    if not hasattr(map_, _STRIDE):
        raise ValueError(f"map_ must be made by torch's functions from the image, got one of {tuple(map_.shape)}.")
    return getattr(map_, _STRIDE)


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _factor(
    func: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any], given: Tensor, made: Any
) -> float:
    """By what a function changes the stride."""
    name = getattr(func, "__name__", "")
    if name == "interpolate":
        return given.shape[-1] / made.shape[-1]
    place = _PLACES.get(name)
    if place is None:
        return 1
    stride = options.get("stride", args[place] if place < len(args) else None)
    if not stride:  # a pooling has that of its kernel by default
        stride = (options["kernel_size"] if "kernel_size" in options else args[1]) if place == _POOLING else 1
    number = stride[-1] if isinstance(stride, (list, tuple)) else stride
    return 1 / number if name == "conv_transpose2d" else number
