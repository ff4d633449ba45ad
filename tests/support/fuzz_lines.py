"""Command lines as people mistype them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COMMANDS = ("infer", "prepare", "adapt", "evaluate", "reestimate", "average", "export", "inspect", "configs", "slides")
"""Those that may run to their end here in a moment, once their input is refused."""
FLAGS = {
    "infer": ("bundle", "images", "out", "mpp", "outputs", "precision", "device", "overwrite"),
    "prepare": ("images", "masks", "name", "out", "mask_values", "groups", "window", "step", "seed", "skip_bad"),
    "adapt": ("source", "target", "out", "model", "method", "preset", "seed", "mpp", "options"),
    "evaluate": ("run", "overlays", "label_free_images"),
    "reestimate": ("run", "weights"),
    "average": ("run",),
    "export": ("run", "out", "version", "weights", "forms", "mpp", "evaluation", "overwrite"),
    "inspect": ("bundle", "path"),
    "configs": ("bundle",),
    "slides": ("bundle", "slides", "out", "mpp", "tissue", "roi", "outputs", "shard", "device", "precision"),
}
VALUES = (
    "", "x", "0", "-1", "1e400", "nan", "0,25", "None", "True", "[1", "{'a':", "a b", "../..", "/proc/self/mem",
    "~nobody/x", "http://example.org/a", "$(touch x)", "`id`", "$HOME", "*.png", "ü", "\udcfc", "a\nb", "x" * 300,
    "--", "-", "@network", "cuda:9", "float16", "geojson,,csv", "1/2", "3/2",
)  # fmt: skip


def odd_line(random: np.random.Generator, known: dict[str, Path]) -> list[str]:
    """A command with options that mostly do not fit; never one that trains.

    Args:
        random: decides.
        known: values that exist, by an option's name.
    """
    command = str(random.choice(COMMANDS))
    line = [command]
    if command == "prepare":
        line.append(str(random.choice(["folder", "tnbc", "consep", "monuseg", "pannuke", "kirc", "tcia", "foldr"])))
    flags = list(FLAGS[command])
    for flag in random.permutation(flags)[: int(random.integers(0, len(flags) + 1))]:
        name = str(flag)
        if random.random() < 0.1:
            name = name[:-1] or "x"
        value = VALUES[int(random.integers(len(VALUES)))]
        if flag in known and random.random() < 0.6:
            value = str(known[str(flag)])
        style = random.random()
        line += [f"--{name}={value}"] if style < 0.3 else [f"--{name}"] if style < 0.4 else [f"--{name}", value]
    if random.random() < 0.1:
        line.insert(int(random.integers(len(line) + 1)), VALUES[int(random.integers(len(VALUES)))])
    if command == "adapt" and "--target" not in line:
        line += ["--target", "nowhere"]
    return line
