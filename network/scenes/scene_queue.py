"""Images one after the other: predicted, written, and put in their places."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tqdm import tqdm

from network.files.threads import Call, Threads
from network.scenes.faults import fault_of_file
from network.scenes.prediction_record import PredictionRecord
from network.scenes.work import Scene, Worker


class SceneQueue:
    """Images in order, of which several may be begun; a context, which ends those.

    The maps of one are compressed and written by a thread while the next one is predicted. Those of
    images that are predicted are written whatever ends the context. It is to end after the
    processes that work on them.

    Args:
        open_scene: opens a scene by its path and ``count``, as those of ``Scene``.
        record: of what is finished.
    """

    def __init__(self, open_scene: Callable[..., Scene], record: PredictionRecord) -> None:
        self.open_scene = open_scene
        self.record = record
        self.begun: deque[tuple[str, Scene, Iterator[int]]] = deque()
        self.writing = Threads()
        self.written: deque[tuple[Scene, Call[None]]] = deque()
        self.alone = False
        self.faults: list[Path] = []

    def __enter__(self) -> SceneQueue:
        return self

    def __exit__(self, *error) -> None:
        left = ExitStack()
        for scene in (
            *(scene for _, scene, _ in self.begun),
            *(scene for scene, _ in self.written),
        ):
            left.push(scene)
        left.push(self.writing)
        for scene, call in self.written:
            if not call.done():
                print(f"{scene.path}: predicted, its maps are being written", file=sys.stderr)
        try:
            self._finish(0)
        finally:
            left.__exit__(*error)

    def run(self, paths: Sequence[Path], todo: set[Path], worker: Worker) -> list[Path]:
        """Predict; the images that could not be."""
        self.alone = len(paths) == 1
        for number, path in enumerate(paths, 1):
            if path not in todo:
                print(f"{path}: finished before")
                continue
            with self._faults_named(path), ExitStack() as opened:
                scene = opened.enter_context(self.open_scene(path, count=worker.count(path)))
                title = f"{number}/{len(paths)} {path.name}"
                self.begun.append((title, scene, worker.begin(scene)))
                opened.pop_all()
            self._predict(worker.ahead)
        self._predict(0)
        self._finish(0)
        return self.faults

    def _predict(self, ahead: int) -> None:
        """Predict scenes until no more parts than these are begun."""
        while sum(len(scene.parts) for _, scene, _ in self.begun) > ahead:
            title, scene, progress = self.begun.popleft()
            with self._faults_named(scene.path), ExitStack() as opened:
                opened.enter_context(scene)
                bar = tqdm(total=scene.tiling.count, desc=title, unit="window")
                with closing(progress), bar:
                    for windows in progress:
                        bar.update(windows)
                self.written.append((scene, self.writing.submit(scene.finish, self.record)))
                opened.pop_all()
            self._finish(1)

    def _finish(self, left: int) -> None:
        """Wait until no more scenes than these are to be written."""
        while len(self.written) > left:
            scene, call = self.written[0]
            call.done(None)
            self.written.popleft()
            with self._faults_named(scene.path):
                call.result()

    @contextmanager
    def _faults_named(self, path: Path) -> Iterator[None]:
        """Note a fault of one image, and go on; of a single one it is raised."""
        try:
            yield
        except BrokenProcessPool:
            raise
        except Exception as error:  # whatever decoders raise of a file
            fault = fault_of_file(path, error)
            if self.alone:
                raise fault from error
            self.faults.append(path)
            print(f"error: {fault}", file=sys.stderr)
