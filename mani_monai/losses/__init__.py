from .adaptation import AdaptationLoss, DomainBatch, usable_pairs
from .mutual_information import MutualInformationLoss, jensen_shannon_mi

__all__ = ["AdaptationLoss", "DomainBatch", "MutualInformationLoss", "jensen_shannon_mi", "usable_pairs"]
