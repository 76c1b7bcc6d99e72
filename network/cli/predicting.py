"""The network that a command line of ``predict.py`` names."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from network.errors import ConfigError

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble
    from network.inference.onnx_network import OnnxNetwork
    from network.inference.segmenter import Segmenter


def refuse_torchrun() -> None:
    """Refuse to be one of several that torchrun started, which would all predict the same.

    Raises:
        ConfigError: saying how several processes are started.
    """
    count = os.environ.get("WORLD_SIZE", "")
    if "TORCHELASTIC_RUN_ID" in os.environ and count not in ("", "1"):
        raise ConfigError(
            f"started {count} times by torchrun, and each would predict all images; start "
            f"python predict.py once, with --processes {count}"
        )


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
