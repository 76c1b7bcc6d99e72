"""What a dataset tells the network of a config."""

from __future__ import annotations

from functools import partial

from network.datasets.catalog import DatasetSpec
from network.errors import ConfigError
from network.experiment.values import complete

_CLASSES = ("num_classes", "classes")


def complete_network(net: partial, spec: DatasetSpec) -> partial:
    """What builds a network, told the number of classes and of bands where it takes them.

    Args:
        net: the ``net`` of a config.
        spec: of the dataset.

    Raises:
        ConfigError: it cannot be told the number of classes, or the config says another.
    """
    classes = dict.fromkeys(_CLASSES, spec.num_classes)
    told = complete(net, "net", **classes, in_chans=spec.num_bands)
    if told.keywords.keys().isdisjoint(_CLASSES):
        name = getattr(told.func, "__name__", type(told.func).__name__)
        raise ConfigError(
            f"net: {name} takes neither {' nor '.join(_CLASSES)}, so it cannot be told that "
            f"{spec.name} has {spec.num_classes} classes; give it one of these parameters"
        )
    return told
