from .adaptation_loss import AdaptationLoss, DomainBatch, nuclei_logits, usable_pairs
from .adversarial import AdversarialLoss, adversarial_terms, domain_cross_entropy
from .certain_dice_ce import CertainDiceCELoss
from .conditional_matching import ConditionalMatchingLoss
from .consistency import ConsistencyLoss, MaskedConsistencyLoss
from .contour_dice_ce import ContourDiceCELoss
from .distance_dice_ce import DistanceDiceCELoss
from .domain_adversarial import DomainAdversarialLoss
from .entropy_minimisation import EntropyMinimisationLoss
from .map_adversarial import EntropyAdversarialLoss, MaskAdversarialLoss, OutputAdversarialLoss, self_information
from .mutual_information import MutualInformationLoss
from .mutual_information_bounds import donsker_varadhan_mi, info_nce_mi, jensen_shannon_mi
from .prediction_information import PredictionInformationLoss
from .prototype_information import PrototypeInformationLoss
from .pseudo_labels import CyclicPseudoLabelLoss
from .reconstruction import ReconstructionLoss
from .seam_dice_ce import SeamDiceCELoss
from .target_supports import TargetSupportsLoss
from .weak_labels import WeakLabelLoss

__all__ = [
    "AdaptationLoss",
    "AdversarialLoss",
    "CertainDiceCELoss",
    "ConditionalMatchingLoss",
    "ConsistencyLoss",
    "ContourDiceCELoss",
    "CyclicPseudoLabelLoss",
    "DistanceDiceCELoss",
    "DomainAdversarialLoss",
    "DomainBatch",
    "EntropyAdversarialLoss",
    "EntropyMinimisationLoss",
    "MaskAdversarialLoss",
    "MaskedConsistencyLoss",
    "MutualInformationLoss",
    "OutputAdversarialLoss",
    "PredictionInformationLoss",
    "PrototypeInformationLoss",
    "ReconstructionLoss",
    "SeamDiceCELoss",
    "TargetSupportsLoss",
    "WeakLabelLoss",
    "adversarial_terms",
    "domain_cross_entropy",
    "donsker_varadhan_mi",
    "info_nce_mi",
    "jensen_shannon_mi",
    "nuclei_logits",
    "self_information",
    "usable_pairs",
]
