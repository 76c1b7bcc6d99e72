"""The network that a command line of ``predict.py`` names."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from network.errors import ConfigError

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble
    from network.inference.onnx_network import OnnxNetwork
    from network.inference.segmenter import Segmenter


def open_predictor(args: argparse.Namespace) -> Segmenter | Ensemble | OnnxNetwork:
    """Open a network by its config, checkpoints or ONNX file; torch is imported only if needed.

    Args:
        args: of ``predict.py``.

    Raises:
        UserError: as ``open_networks`` and ``OnnxNetwork.open``.
    """
    if args.model is None:
        from network.cli.configs import open_networks

        return open_networks(args)
    if args.config or args.overrides:
        raise ConfigError(
            "--model says all of its network and runs on the CPU: leave out -c and settings"
        )
    from network.inference.onnx_network import OnnxNetwork

    network = OnnxNetwork.open(args.model)
    network.check_window(args.window)
    return network
