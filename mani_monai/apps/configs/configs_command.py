"""`mani configs`: lists the bundles' configs with what each says of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mani_monai.config_index import KINDS, ConfigEntry, bundle_folders, list_configs
from mani_monai.utils import InputError
from mani_monai.utils.folders import replacing
from mani_monai.utils.places import place_of

INTRODUCTION = """\
# Methods, budgets and other overlays

Choose a method and a budget below, and name them to `mani train`. `stain_adabn` and `small` are the defaults.
This page lists every overlay with its own description; `mani configs` prints the same list.

```bash
mani train --source toy_source --target toy_target --method mean_teacher --budget quick --out runs/toy
```

An overlay is a small config that follows `train.json` and changes only what differs. MONAI's own command takes it, too:

```bash
python -m monai.bundle run \\
  --config_file "['bundles/mani_unet/configs/train.json','bundles/mani_unet/configs/budgets/quick.json']"
```

- Overlays combine, and the later one wins.
- MaNi's loss is on from the start. A method alone follows `source_only`.
- An evaluation follows the training's overlays and `evaluate`.
- "-style" marks a method whose paper gives no code. Its class says what is known and what is chosen.
- Overlays of both bundles lie in `bundles/shared/configs`.
- `python -m monai.bundle run` answers a wrong path with `No such file`. The right paths are the links below.
- `recommended` names no overlay. The recommended recipe is `stain_adabn`.
  Mean teacher with stain augmentation is `mean_teacher_stain_augmentation`.

Write a new one as [adding a method](adding_a_method.md) says.
Then `mani configs --page docs/methods.md` writes this page anew.
"""


def configs(bundle: str | None = None, page: str | None = None) -> None:
    """Lists methods, budgets and other configs, with one line each: what mani train takes as --method and --budget.

    Args:
        bundle: mani_unet or mani_hovernet; both by default.
        page: writes the list as a Markdown page instead, docs/methods.md.
    """
    folders = [folder for folder in bundle_folders(place_of("bundles")) if bundle in (None, folder.name)]
    if not folders:
        known = ", ".join(folder.name for folder in bundle_folders(place_of("bundles")))
        raise InputError(f"--bundle {bundle}: no such bundle; choose from {known}.")
    if page is not None:
        with replacing(page) as path:
            path.write_text(methods_page(folders, Path(page).parent), encoding="utf-8")
    else:
        print("\n".join(_lines(folders)))


def methods_page(bundles: Sequence[Path], folder: Path) -> str:
    """The list as Markdown.

    Args:
        bundles: folders of bundles.
        folder: that of the page, which its links start from.
    """
    entries = {bundle.name: list_configs(bundle) for bundle in bundles}
    lines = [INTRODUCTION]
    for kind, purpose in KINDS.items():
        lines += [f"## {kind.capitalize() or 'Trainings'}: {purpose}\n"]
        lines += [f"| name | {' | '.join(entries)} | what it does |", f"|---|{'---|' * len(entries)}---|"]
        rows: dict[tuple[str, str], dict[str, ConfigEntry]] = {}
        for bundle, of_bundle in entries.items():
            for entry in of_bundle:
                if entry.kind == kind:
                    rows.setdefault((entry.name, entry.description), {})[bundle] = entry
        for (name, description), by_bundle in sorted(rows.items()):
            links = [_link(by_bundle.get(bundle), folder) for bundle in entries]
            lines.append(f"| `{name}` | {' | '.join(links)} | {description} |")
        lines.append("")
    return "\n".join(lines)


def _link(entry: ConfigEntry | None, folder: Path) -> str:
    return "" if entry is None else f"[{entry.owner}]({os.path.relpath(entry.path, folder.absolute())})"


def _lines(bundles: Sequence[Path]) -> Iterator[str]:
    for bundle in bundles:
        yield f"{bundle.name}: {bundle}"
        entries = list_configs(bundle)
        width = max(len(entry.name) for entry in entries)
        for kind, purpose in KINDS.items():
            yield f"{bundle.name}/configs/{kind}  {purpose}"
            for entry in entries:
                if entry.kind == kind:
                    shared = "" if entry.owner == bundle.name else f"  ({entry.owner})"
                    yield f"  {entry.name:<{width}}  {entry.description}{shared}"
