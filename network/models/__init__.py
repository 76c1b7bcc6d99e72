"""Networks: tensors in, ``BiCoROutput`` out."""

from network.models.bicor import BiCoR, BiCoROutput

__all__ = ["BiCoR", "BiCoROutput"]
