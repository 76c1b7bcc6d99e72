"""What a run depends on: the schema of configs, reading them, where results came from."""

from network.experiment.settings import Experiment

__all__ = ["Experiment"]
