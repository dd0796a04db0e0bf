"""Two fields to one whole picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av.error
from av.filter import Graph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


class Deinterlacer:
    """One frame out for one frame in, late by one; frames not flagged interlaced pass unchanged.

    `bwdif` looks at the frames before and after. Where those are far away in time (key frames only) it would
    mix pictures that have nothing to do with each other, so there `estdif` works inside the one frame.
    """

    def __init__(self, stream: VideoStream, *, neighbours: bool) -> None:
        self.name = "bwdif" if neighbours else "estdif"
        self._stream = stream
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None

    def feed(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Push one frame and yield what is ready; a change of size gives what was held and starts afresh."""
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and shape != self._shape:
            yield from self.flush()
        if self._graph is None:
            self._graph, self._shape = self._build(frame), shape
        self._graph.vpush(frame)
        yield from self._pull()

    def flush(self) -> Iterator[VideoFrame]:
        """What is still held."""
        if self._graph is None:
            return
        self._graph.vpush(None)
        yield from self._pull()
        self._graph = None

    def _pull(self) -> Iterator[VideoFrame]:
        while self._graph is not None:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    def _build(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or self._stream.time_base,
        )
        options = (
            "mode=send_frame:parity=auto:deint=interlaced"
            if self.name == "bwdif"
            else "mode=frame:deint=interlaced"
        )
        graph.link_nodes(source, graph.add(self.name, options), graph.add("buffersink")).configure()
        return graph
