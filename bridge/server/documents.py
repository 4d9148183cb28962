"""The documents of a job: its manifest, activations and log, as ASCII JSON in chunks.

A request for a document's length reads the document again. It is then kept for the requests for its chunks.
"""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from bridge.jobs.job import Job
from bridge.jobs.state import State
from bridge.osc.chunks import CHUNK, ascii_json, crc32
from core.base.errors import Code, LoopError

FILES = {"manifest": "manifest.json", "activations": "activations.json"}
MAX_BYTES = 4 * 1024**2
LOG_BYTES = 64 * 1024
KEPT = 8


@dataclass(frozen=True)
class Document:
    """A document that can be sent in messages.

    Attributes:
        content: the parsed JSON.
        text: the JSON text: ASCII without control characters.
    """

    content: Any
    text: str

    @property
    def count(self) -> int:
        """The number of chunks."""
        return -(-len(self.text) // CHUNK)

    @property
    def crc32(self) -> int:
        return crc32(self.text)

    def chunk(self, index: int) -> str:
        return self.text[index * CHUNK : (index + 1) * CHUNK]

    def rows(self) -> list[tuple[float, ...]]:
        """For the activations: how strongly each loop plays, bar by bar."""
        return list(zip(*(loop["activations"] for loop in self.content["loops"]), strict=True))


class Documents:
    """The last requested documents. It may be used from any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Document] = OrderedDict()
        self._lock = threading.Lock()

    def kept(self, job: Job, name: str) -> Document | None:
        """The document as it was last read, or None if it is no longer kept."""
        with self._lock:
            return self._kept.get((job.id, name))

    def read(self, job: Job, name: str) -> Document:
        """Read the document.

        Raises:
            LoopError: NO_SUCH_JOB (no such document, or no such file any more), WRONG_STATE (no result yet), LIMIT.
        """
        document = _log(job) if name == "log" else _result(job, name)
        with self._lock:
            self._kept[job.id, name] = document
            self._kept.move_to_end((job.id, name))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return document


def _result(job: Job, name: str) -> Document:
    if name not in FILES:
        raise LoopError(Code.NO_SUCH_JOB, f"no document {name[:40]!r}; use one of {', '.join(FILES)}, log")
    if job.state is not State.DONE or job.result is None:
        raise LoopError(Code.WRONG_STATE, f"job {job.id} is {job.state}; it has no {name} until it is done")
    path = job.result / FILES[name]
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LoopError(Code.LIMIT, f"{path.name} is longer than {MAX_BYTES} bytes; read the file")
        return _document(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise LoopError(Code.NO_SUCH_JOB, f"{path.name} of this job is not readable; start the job again") from error


def _log(job: Job) -> Document:
    """The end of the job's log as a list of lines, empty before the job has started."""
    if job.log is None:
        return _document([])
    try:
        with job.log.open("rb") as file:
            file.seek(max(0, job.log.stat().st_size - LOG_BYTES))
            return _document(file.read().decode("utf-8", "replace").splitlines())
    except FileNotFoundError:
        return _document([])


def _document(content: Any) -> Document:
    return Document(content, ascii_json(content))
