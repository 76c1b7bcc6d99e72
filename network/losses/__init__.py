"""Losses: tensors in, named scalar terms out."""

from network.losses.bicor import BiCoRLoss
from network.losses.plain import SegmentationLoss

__all__ = ["BiCoRLoss", "SegmentationLoss"]
