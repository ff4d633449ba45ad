"""Batches of two domains for tests of losses."""

from __future__ import annotations

import torch
from monai.networks.nets import BasicUNet

from mani_monai.losses import DomainBatch, usable_pairs


def domain(features: torch.Tensor, nuclei: torch.Tensor, labelled: bool) -> DomainBatch:
    """A batch whose nuclei are the given B1HW mask: as a label, or as what the logits say."""
    logits = torch.cat([1 - nuclei, nuclei], dim=1)
    image = torch.zeros(len(features), 3, *features.shape[2:])
    return DomainBatch(image, logits, features, logits, label=nuclei if labelled else None)


def random_pair(size: int = 12, channels: int = 8) -> tuple[DomainBatch, DomainBatch]:
    torch.manual_seed(0)
    features = torch.rand(2, 3, channels, size, size, requires_grad=True)
    nuclei = (torch.rand(2, 3, 1, size, size) > 0.6).float()
    return domain(features[0], nuclei[0], labelled=True), domain(features[1], nuclei[1], labelled=False)


def emptied(source: DomainBatch, target: DomainBatch, where: str) -> tuple[DomainBatch, DomainBatch]:
    """The pair of batches with one mask of image 0 emptied."""
    source_nuclei, target_nuclei = source.nuclei.clone(), target.nuclei.clone()
    if where == "target nuclei":
        target_nuclei[0] = 0
    else:
        source_nuclei[0] = 0 if where == "source nuclei" else 1
    return domain(source.features, source_nuclei, labelled=True), domain(target.features, target_nuclei, labelled=False)


def unet_domains(detach: str | None) -> tuple[BasicUNet, DomainBatch, DomainBatch]:
    """A small U-Net and its source and target batch; the features of the domain named ``detach`` carry no gradient."""
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, features=[4] * 6, act="RELU", norm="BATCH")
    kept = {}
    hook = network.final_conv.register_forward_pre_hook(lambda module, args: kept.update(features=args[0]))
    batches = {}
    for name in ("source", "target"):
        image = torch.rand(2, 3, 32, 32)
        logits = network(image)
        # an untrained head may predict one class everywhere: centre the logits, so that both classes occur
        logits = logits - logits.detach().mean(dim=(0, 2, 3), keepdim=True)
        features = kept["features"].detach() if name == detach else kept["features"]
        label = (torch.rand(2, 1, 32, 32) > 0.7).float() if name == "source" else None
        batches[name] = DomainBatch(image, logits, features, logits, label=label)
    hook.remove()
    assert usable_pairs(batches["source"], batches["target"]).all()
    return network, batches["source"], batches["target"]
