"""Networks: image in, logits and what else they have out."""

from network.models.bicor import BiCoR, BiCoROutput
from network.models.d2ls import D2LS
from network.models.model_folder import load
from network.models.output import SegmentationOutput
from network.models.smp_net import SmpNet
from network.models.unetformer import UNetFormer

__all__ = ["D2LS", "BiCoR", "BiCoROutput", "SegmentationOutput", "SmpNet", "UNetFormer", "load"]
