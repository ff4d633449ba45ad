"""``mani slides`` from a checkout."""

from __future__ import annotations

from mani_monai.__main__ import main

if __name__ == "__main__":
    main(first="slides")
