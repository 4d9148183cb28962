"""Handlers for documents: uploads are received, and documents are sent in parts."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from bridge.jobs.registry import Jobs
from bridge.osc import messages
from bridge.osc.messages import Reply
from bridge.server.documents import Document, Documents
from bridge.server.handlers.base import Background, Caller, Outcome, Table
from bridge.server.uploads import Uploads
from core.base.errors import Code, LoopError


@dataclass(frozen=True)
class DocumentHandlers:
    """Handlers for documents.

    Attributes:
        background: reads result folders.
    """

    jobs: Jobs
    uploads: Uploads
    documents: Documents
    background: Background

    def table(self) -> Table:
        return {
            messages.Put: self.put,
            messages.GetInfo: self.info,
            messages.Get: self.get,
            messages.Activations: self.activations,
        }

    def put(self, request: messages.Put, caller: Caller) -> Reply:
        received, missing = self.uploads.put(caller.source, request.doc, request.index, request.count, request.chunk)
        return messages.PutReply(request.rid, received, missing)

    def info(self, request: messages.GetInfo, caller: Caller) -> Future[Reply]:
        job = self.jobs.get(request.job)

        def read() -> Reply:
            document = self.documents.read(job, request.doc)
            return messages.GetInfoReply(request.rid, len(document.text), document.count, document.crc32)

        return self.background.do(read)

    def get(self, request: messages.Get, caller: Caller) -> Outcome:
        def piece(document: Document) -> Reply:
            _require_within("index", request.index, document.count)
            return messages.GetReply(request.rid, request.index, document.count, document.chunk(request.index))

        return self._with(request.job, request.doc, piece)

    def activations(self, request: messages.Activations, caller: Caller) -> Outcome:
        return self._with(request.job, "activations", lambda document: _page(request, document.rows()))

    def _with(self, name: str, doc: str, answer: Callable[[Document], Reply]) -> Outcome:
        """Answer with a document: at once if it is kept in memory, else after reading it."""
        job = self.jobs.get(name)
        document = self.documents.kept(job, doc)
        return answer(document) if document else self.background.do(lambda: answer(self.documents.read(job, doc)))


def _page(request: messages.Activations, rows: list[tuple[float, ...]]) -> Reply:
    """As many loops as fit, from the first requested loop on, and as many bars of these loops as fit."""
    bars_total, loops_total = len(rows), len(rows[0]) if rows else 0
    first_bar, first_loop = request.first_bar, request.first_loop
    _require_within("first_bar", first_bar, bars_total)
    _require_within("first_loop", first_loop, loops_total)
    loops = min(loops_total - first_loop, messages.VALUES_A_PAGE)
    bars = min(bars_total - first_bar, messages.VALUES_A_PAGE // max(1, loops))
    values = [row[first_loop : first_loop + loops] for row in rows[first_bar : first_bar + bars]]
    flat = tuple(float(value) for row in values for value in row)
    return messages.ActivationsReply(request.rid, first_bar, first_loop, bars, loops, bars_total, loops_total, flat)


def _require_within(name: str, value: int, count: int) -> None:
    if not 0 <= value < max(1, count):
        raise LoopError(Code.ARGUMENTS, f"{name} must be 0 to {max(1, count) - 1}, got {value}")
