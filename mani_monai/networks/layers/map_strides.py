"""How many pixels of an image one pixel of a map stands for, followed through a network's pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from mani_monai.utils import InputError

_STRIDE = "stride_of_map"
_LOST = "stride_lost_by"
_PLACES = {"conv2d": 3, "conv_transpose2d": 3, "max_pool2d": 2, "avg_pool2d": 2}
"""Functions with a stride, and its place among the arguments."""
_POOLING = 2
_SCALING = {
    "interpolate", "upsample", "pixel_shuffle", "pixel_unshuffle", "adaptive_avg_pool2d", "adaptive_max_pool2d",
}  # fmt: skip
"""Functions whose maps show all that they were given, so that lengths tell the stride."""
_MOVING = {
    "grid_sample", "roll", "flip", "fliplr", "flipud", "rot90", "sort", "gather", "index_select", "transpose",
    "permute", "movedim", "moveaxis", "swapaxes", "swapdims", "matmul", "__matmul__", "__rmatmul__", "linear", "einsum",
    "scaled_dot_product_attention",
}  # fmt: skip
"""Functions whose pixels stand for other places, though the map may keep its size."""
_LEAST_AXES = 3  # of a map, or of what can be made one again; statistics have fewer
_ASIDE = 1  # pixels by which a crop or a border may be larger on one side
_ROUNDED = 2  # pixels by which a scaled map's height may differ from what its width says


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
        maps = [map_ for map_ in _tensors([*args, *options.values()]) if hasattr(map_, _STRIDE) or hasattr(map_, _LOST)]
        for map_ in _tensors([made]) if maps else ():
            known = [each for each in maps if hasattr(each, _STRIDE) and each.ndim == map_.ndim]
            given = next((each for each in known if _size(each) == _size(map_)), known[0] if known else None)
            factor = None if given is None else _factor(func, args, options, given, map_)
            if factor is not None:
                _note(map_, getattr(given, _STRIDE) * factor)
            elif map_.ndim >= _LEAST_AXES:
                lost = (getattr(each, _LOST) for each in maps if hasattr(each, _LOST))
                _note(map_, lost=next(lost, getattr(func, "__name__", str(func))))
        return made


def stride_of(map_: Tensor) -> float:
    """Pixels of the image's edge that one of a map's stands for.

    Args:
        map_: made of the image within :class:`MapStrides`.

    Raises:
        InputError: when a function that is not known here made it.
        ValueError: when it was not made of the image.
    """
    if hasattr(map_, _LOST):
        raise InputError(
            f"the network: {getattr(map_, _LOST)} makes maps whose places in the image are not known here, so that the "
            "statistics of tissue alone cannot be taken; leave out adabn, reestimate and stain_adabn, or take a "
            "network of convolutions, poolings and interpolations."
        )
    if not hasattr(map_, _STRIDE):
        raise ValueError(f"map_ must be made by torch's functions from the image, got one of {tuple(map_.shape)}.")
    return getattr(map_, _STRIDE)


def _note(map_: Tensor, stride: float | None = None, lost: str = "") -> None:
    for name in (_STRIDE, _LOST):
        vars(map_).pop(name, None)
    setattr(map_, *((_LOST, lost) if stride is None else (_STRIDE, stride)))


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _size(map_: Tensor) -> tuple[int, ...]:
    return tuple(map_.shape[-2:])


def _factor(
    func: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any], given: Tensor, made: Tensor
) -> float | None:
    """By what a function changes the stride; None where that is not known."""
    name = getattr(func, "__name__", "")
    if name in _PLACES:
        return _stated(name, args, options)
    if name in _SCALING:
        factor = given.shape[-1] / made.shape[-1]
        return factor if abs(given.shape[-2] / factor - made.shape[-2]) <= _ROUNDED else None
    if name == "__getitem__" and (steps := _steps(args[1], given)) is not None:
        return steps
    if name == "pad":
        sides = options["pad"] if "pad" in options else args[1]
        pairs = zip(sides[:4:2], sides[1:4:2], strict=True)
        return 1 if all(abs(before - behind) <= _ASIDE for before, behind in pairs) else None
    return 1 if _size(made) == _size(given) and name not in _MOVING else None


def _stated(name: str, args: Sequence[Any], options: Mapping[str, Any]) -> float | None:
    """The stride that a function is told; None where the two edges have different ones."""
    place = _PLACES[name]
    stride = options.get("stride", args[place] if place < len(args) else None)
    if not stride:  # a pooling has that of its kernel by default
        stride = (options["kernel_size"] if "kernel_size" in options else args[1]) if place == _POOLING else 1
    strides = set(stride) if isinstance(stride, (list, tuple)) else {stride}
    if len(strides) > 1:
        return None
    number = strides.pop()
    return 1 / number if name == "conv_transpose2d" else number


def _steps(index: Any, given: Tensor) -> float | None:
    """The step of slices that leave the middle of a map; None where they are others, or no slices."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if not all(isinstance(part, slice) or part is Ellipsis for part in parts):
        return None
    if Ellipsis in parts:
        place = parts.index(Ellipsis)
        parts[place : place + 1] = [slice(None)] * (given.ndim - len(parts) + 1)
    parts += [slice(None)] * (given.ndim - len(parts))
    steps = set()
    for part, length in zip(parts[-2:], given.shape[-2:], strict=True):
        start, stop, step = part.indices(length)
        last = start + (len(range(start, stop, step)) - 1) * step
        steps.add(step if abs(start - (length - 1 - last)) <= max(step - 1, _ASIDE) else None)
    return steps.pop() if len(steps) == 1 else None
