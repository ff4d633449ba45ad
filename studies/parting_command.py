"""Measures how nuclei are parted, on labelled images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.folders import replacing
from studies.parting_study import WAYS, records_of, rule_of_thumb, score, sensitivity, table, tiles_of

SETS = ("tnbc", "consep_train", "consep_test", "monuseg")


def parting(
    data: str,
    bundle: str = "pretrained/mani_unet",
    sets: str | Sequence[str] = SETS,
    vary: str | Sequence[str] = ("consep_train",),
    maps: str = "runs/parting",
    out: str = "studies/results/parting.json",
) -> None:
    """Scores connected pieces, parted nuclei and the stain alone; prints tables and writes the figures.

    The rule's numbers were chosen on the sets to vary. The others confirm them.

    Args:
        data: folder with TNBC, CoNSeP and MoNuSeg.
        bundle: exported weights of mani_unet.
        sets: what to score: tnbc, consep_train, consep_test, monuseg.
        vary: sets on which each number of the rule is varied, too.
        maps: folder that keeps the network's answers.
        out: the figures, JSON.
    """
    sets, vary = ((value,) if isinstance(value, str) else tuple(value) for value in (sets, vary))
    unknown = sorted({*sets, *vary} - set(SETS))
    if unknown:
        raise InputError(f"--sets {','.join(unknown)}: unknown; choose from {', '.join(SETS)}.")
    if not Path(data).is_dir():
        raise InputError(f"--data {data}: no such folder; name the one that holds TNBC, CoNSeP and MoNuSeg.")
    path = Path(out)
    figures = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    print(rule_of_thumb())
    for name in sets:
        tiles = list(tiles_of(records_of(name, Path(data)), Path(bundle), Path(maps) / name))
        figures[name] = {way: score(tiles, find) for way, find in WAYS.items()}
        print(f"\n{name}\n\n{table(figures[name], 'way')}", flush=True)
        if name in vary:
            figures[f"{name}, varied"] = sensitivity(tiles)
            print(f"\n{name}, one number changed\n\n{table(figures[f'{name}, varied'], 'change')}", flush=True)
        with replacing(path) as partial:
            partial.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
