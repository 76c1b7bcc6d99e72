"""Losses: tensors in, named scalar terms out."""

from network.losses.bicor import BiCoRLoss

__all__ = ["BiCoRLoss"]
