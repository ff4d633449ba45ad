"""The allocator keeps what is freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource
from mani_monai.utils.memory import keep_freed_memory
import numpy as np
kept = {kept} and keep_freed_memory()
assert kept == {kept}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
size = 5 * 2**20  # 40 MiB: above what glibc's own threshold of mapped blocks grows to
np.ones(size)
before = faults()
for _ in range(4):
    np.ones(size)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_large_blocks_are_used_again_without_new_pages():
    def faults(kept: bool) -> int:
        done = subprocess.run(
            [sys.executable, "-c", COUNT_FAULTS.format(kept=kept)], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert faults(kept=True) < faults(kept=False) / 2
