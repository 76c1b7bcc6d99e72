"""Parts of scenes in several processes, each with the network on a device of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from network.errors import ConfigError, DataError, UserError
from network.files.gdal_cache import gdal_cache
from network.files.machine import usable_processors
from network.files.parallel import start_beside_others
from network.scenes.arrays import Device
from network.scenes.faults import fault_of_file
from network.scenes.scene import Part, predict_part

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble
    from network.inference.onnx_network import OnnxNetwork
    from network.inference.segmenter import Segmenter

Opener = Callable[[], "Segmenter | Ensemble | OnnxNetwork"]
"""Opens the network; picklable."""

_THREADS = "OMP_NUM_THREADS"
_here: dict[str, Any] = {}
"""Of a working process: its network, predictor, batch, and what says that it is to end."""


class Processes:
    """Working processes, which have opened the network.

    Args:
        pool: of them.
        count: how many.
    """

    def __init__(self, pool: ProcessPoolExecutor, count: int) -> None:
        self._pool = pool
        self.count = count

    def submit(self, part: Part) -> Future[None]:
        """Have a part predicted; it ends early where the part is no longer wanted."""
        return self._pool.submit(_predict, part)


def check_processes(count: int, device: Device) -> None:
    """Refuse processes that there cannot be.

    Args:
        count: of the processes.
        device: of the network.

    Raises:
        ConfigError: there are fewer than one, or fewer GPUs than processes.
    """
    if count < 1:
        raise ConfigError(f"--processes {count}: at least 1")
    if str(device).startswith("cuda"):
        import torch

        if count > (cards := torch.cuda.device_count()):
            raise ConfigError(
                f"--processes {count}: each takes a GPU, and there are {cards}; name {cards} at "
                "most, or the CPU by accelerator=cpu"
            )


@contextmanager
def processes(opener: Opener, count: int, tta: str, batch: int | None) -> Iterator[Processes]:
    """Start processes; those that work on when the block ends with a fault are told to stop.

    The processors are shared evenly between them, unless ``OMP_NUM_THREADS`` says how many threads
    each one takes; on CUDA each has the card of its number.

    Args:
        opener: of the network.
        count: of the processes.
        tta: test-time augmentation.
        batch: windows at a time, as of ``predict_scene``.

    Raises:
        DataError: a process was killed, as a machine does that runs out of memory.
    """
    context = multiprocessing.get_context("spawn")
    stopped, numbers = context.Event(), context.Value("i", 0)
    threads = str(max(1, usable_processors() // count))
    with _environment(_THREADS, os.environ.get(_THREADS) or threads):
        pool = ProcessPoolExecutor(count, context, _start, (opener, tta, batch, stopped, numbers))
        try:
            yield Processes(pool, count)
        except BrokenProcessPool as error:
            raise DataError(
                "a working process was killed, most likely because memory ran out; try again "
                "with fewer --processes"
            ) from error
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable for the processes that are started meanwhile."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _start(opener: Opener, tta: str, batch: int | None, stopped: Any, numbers: Any) -> None:
    start_beside_others()
    with numbers.get_lock():
        os.environ["LOCAL_RANK"] = str(numbers.value)
        numbers.value += 1
    _here.update(opener=opener, tta=tta, batch=batch, stopped=stopped)


def _predict(part: Part) -> None:
    if _is_to_end(part):
        return
    # What there is to say the process that started this one says.
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        if "segmenter" not in _here:
            _here["segmenter"] = _here["opener"]()
            _here["predictor"] = _here["segmenter"].predictor(_here["tta"])
        segmenter = _here["segmenter"]
        try:
            with gdal_cache(), part.opened(segmenter.spec) as raster:
                for _ in predict_part(part, raster, segmenter, _here["predictor"], _here["batch"]):
                    if _is_to_end(part):
                        return
        except UserError:
            raise
        except Exception as error:  # which may be of a kind that cannot be handed over
            raise fault_of_file(part.image, error) from None


def _is_to_end(part: Part) -> bool:
    return _here["stopped"].is_set() or not part.wanted.exists()
