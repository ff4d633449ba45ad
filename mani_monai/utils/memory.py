"""The C library's allocator, set for training on CPU."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
PAD = 256 * 2**20


def keep_freed_memory() -> bool:
    """Makes glibc keep the memory that tensors free, for the next iteration, instead of handing it back.

    By default every large tensor is mapped and unmapped anew, and the kernel clears its pages each time: up to a
    fifth of a training step on CPU. The process's memory then stays at its peak. Does nothing where there is no glibc.

    Returns:
        whether the allocator took the settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, PAD))
    return mallopt is not None and all([mallopt(name, value) == 1 for name, value in settings])
