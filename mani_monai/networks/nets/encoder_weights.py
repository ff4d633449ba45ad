"""HoVer-Net's encoder from a local file; nothing is ever downloaded."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from torch import Tensor, nn

from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors


@dataclass(frozen=True)
class Layout:
    """How a kind of file names the entries of the encoder.

    Attributes:
        name: what the layout is called.
        entries: pattern of the encoder's entries in such a file.
        renaming: what turns an entry of MONAI's HoVerNet into the file's, pattern by pattern.
        homeless: pattern of the encoder's entries that HoVerNet has no place for.
    """

    name: str
    entries: str
    renaming: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = ()
    homeless: str = "(?!)"

    def rename(self, entry: str) -> str:
        """The file's name of an entry of HoVerNet."""
        for pattern, replacement in self.renaming:
            entry = re.sub(pattern, replacement, entry)
        return entry


LAYOUTS = (
    Layout("MONAI", r"(conv0|res_blocks)\."),
    Layout(
        "hover_net",
        r"(conv0|d\d)\.",
        (
            (r"^conv0\.conv\.", "conv0./."),
            (r"^res_blocks\.", ""),
            (r"layers\.denselayer_(\d+)\.layers\.", r"units.\1."),
            (r"bna_block", "blk_bna"),
        ),
    ),
    # HoVer-Net's ResNet-50 normalises before a unit, torchvision's after it. As MONAI does it (adapt_standard_resnet):
    # a unit's last normalisation opens the next unit, the shortcut's closes the block, and the last unit's is left.
    Layout(
        "torchvision",
        r"(conv1|bn1|layer\d)\.",
        (
            (r"^conv0\.conv\.", "conv1."),
            (r"^conv0\.bn\.", "bn1."),
            (r"^res_blocks\.d(\d)\.", lambda match: f"layer{int(match[1]) + 1}."),
            (r"layers\.denselayer_(\d+)\.layers\.preact/bn\.", lambda match: f"{int(match[1]) - 1}.bn3."),
            (r"layers\.denselayer_(\d+)\.layers\.", r"\1."),
            (r"conv(\d)/bn\.", r"bn\1."),
            (r"shortcut\.", "0.downsample.0."),
            (r"bna_block\.bn\.", "0.downsample.1."),
        ),
        homeless=r"layer\d\.\d+\.bn3\.",
    ),
)
_ENCODER = ("conv0.", "res_blocks.")
_WRAPPERS = ("desc", "state_dict", "model")


def prepare_encoder(network: nn.Module, path: str | Path | None, frozen: bool) -> None:
    """Loads the encoder where a file is named, and warns where random weights would be frozen.

    Args:
        network: MONAI's HoVerNet, plain or wrapped for several processes.
        path: the file, see ``load_encoder``; None or empty: the encoder stays as it is.
        frozen: whether training leaves the encoder as it is.

    Raises:
        InputError: as ``load_encoder``.
    """
    if path:
        load_encoder(network, path)
    elif frozen:
        warnings.warn(
            "the encoder is frozen, but no file of encoder weights is named: random weights would stay as they are; "
            "name a ResNet-50 or HoVer-Net file with --encoder_weights, or train all layers: --freeze_encoder False.",
            stacklevel=2,
        )


def load_encoder(network: nn.Module, path: str | Path) -> int:
    """Loads ``conv0`` and ``res_blocks`` of a HoVerNet and prints how many of their entries the file covers.

    The layout is recognised from the entries' names: torchvision's ResNet-50, hover_net's (its ImageNet file or a
    trained network) or MONAI's HoVerNet; flat or inside "desc", "state_dict" or "model". Other entries (classifier,
    decoders) are not looked at.

    Args:
        network: MONAI's HoVerNet, plain or wrapped for several processes.
        path: the local file.

    Returns:
        the number of entries loaded; 298 are all, those of a whole ResNet-50.

    Raises:
        InputError: when the file is missing, holds no state dictionary or another network than a ResNet-50, or
            ``network`` is no HoVerNet.
    """
    network = getattr(network, "module", network)
    own = {name: value for name, value in network.state_dict().items() if name.startswith(_ENCODER)}
    if not any(name.startswith("res_blocks.") for name in own):
        name = type(network).__name__
        raise InputError(f"--encoder_weights {path}: a {name} has no encoder of ResNet-50; leave the option out.")
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; name a local file of ResNet-50 or HoVer-Net weights.")
    state = _unwrap(load_tensors(path), path)
    layout = max(LAYOUTS, key=lambda layout: sum(layout.rename(name) in state for name in own))
    sources = {name: layout.rename(name) for name in own}
    found = {name: state[source] for name, source in sources.items() if source in state}
    if not found:
        raise InputError(
            f"{path}: none of its {len(state)} entries (e.g. {next(iter(state))}) belongs to a ResNet-50 as "
            "torchvision, hover_net or MONAI's HoVerNet name it; name such a file."
        )
    differing = [sources[name] for name, value in found.items() if value.shape != own[name].shape]
    placed = set(sources.values())
    differing += [
        key
        for key in state
        if re.match(layout.entries, key) and key not in placed and not re.match(layout.homeless, key)
    ]
    if differing:
        raise InputError(
            f"{path}: holds another network than this encoder ({len(differing)} entries differ, e.g. {differing[0]}); "
            "name a file of ResNet-50 or HoVer-Net weights."
        )
    network.load_state_dict(found, strict=False)
    if idist.get_rank() == 0:
        missing = [sources[name] for name in own if name not in found]
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        gaps = f"; missing: {', '.join(missing[:3])}{more}" if missing else ""
        print(
            f"{path}: {len(found)} of {len(own)} entries of the encoder loaded ({layout.name} layout){gaps}", flush=True
        )
    return len(found)


def _unwrap(content: Any, path: str | Path) -> Mapping[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    entries = content.items() if isinstance(content, Mapping) else ()
    if not entries or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in entries):
        raise InputError(f"{path}: holds no state dictionary; name a file of ResNet-50 or HoVer-Net weights.")
    return {name.removeprefix("module."): value for name, value in entries}
