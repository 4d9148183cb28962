"""Uploaded documents, which arrive in chunks and are put together here. `osc.chunks` describes the chunks."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from bridge.osc.chunks import crc32
from core.base.errors import Code, LoopError

MAX_UPLOAD = 256 * 1024  # bytes
MAX_UPLOADS = 1024**2  # bytes, all uploads together
UPLOADS_A_CLIENT = 4
IDLE_SECONDS = 60.0


@dataclass
class _Upload:
    owner: Hashable
    count: int
    touched: float
    size: int = 0  # bytes
    chunks: dict[int, str] = field(default_factory=dict)

    @property
    def first_missing(self) -> int:
        return next((index for index in range(self.count) if index not in self.chunks), -1)


class Uploads:
    """Incomplete documents, by the names that their clients chose. Idle uploads are deleted after `IDLE_SECONDS`.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._uploads: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    def put(self, owner: Hashable, doc: str, index: int, count: int, chunk: str) -> tuple[int, int]:
        """Store a chunk. Chunks may arrive in any order and repeatedly.

        Returns:
            The number of received chunks, and the first missing one or -1.

        Raises:
            LoopError: ID_CONFLICT (another count than before), INCOMPLETE (other content than before), LIMIT.
        """
        with self._lock:
            self._forget_idle()
            upload = self._uploads.get(doc) or _Upload(owner, count, self._clock())
            if upload.count != count:
                raise LoopError(Code.ID_CONFLICT, f"{doc} has {upload.count} chunks, got {count}; use a new name")
            if upload.chunks.get(index, chunk) != chunk:
                raise LoopError(Code.INCOMPLETE, f"chunk {index} of {doc} has changed; upload it under a new name")
            if index not in upload.chunks:
                size = len(chunk.encode())
                self._admit(doc, upload, size)
                upload.chunks[index] = chunk
                upload.size += size
            self._uploads[doc] = upload
            upload.touched = self._clock()
            return len(upload.chunks), upload.first_missing

    def take(self, doc: str, size: int, crc: int) -> str:
        """Return a complete document and remove it, so that nothing is left if the request is refused later.

        Raises:
            LoopError: NO_SUCH_JOB (no document of this name), INCOMPLETE (a chunk is missing, or size or CRC differ).
        """
        with self._lock:
            self._forget_idle()
            text = _whole(doc, self._uploads.get(doc), size, crc)
            del self._uploads[doc]
            return text

    def _admit(self, doc: str, upload: _Upload, more: int) -> None:
        if upload.size + more > MAX_UPLOAD:
            raise LoopError(Code.LIMIT, f"document {doc}: more than {MAX_UPLOAD} bytes")
        if sum(other.size for other in self._uploads.values()) + more > MAX_UPLOADS:
            raise LoopError(Code.LIMIT, f"all documents: more than {MAX_UPLOADS} bytes; try again in a minute")
        own = sum(other.owner == upload.owner for name, other in self._uploads.items() if name != doc)
        if own >= UPLOADS_A_CLIENT:
            raise LoopError(Code.LIMIT, f"{own} documents are open, at most {UPLOADS_A_CLIENT}; start them first")

    def _forget_idle(self) -> None:
        oldest = self._clock() - IDLE_SECONDS
        self._uploads = {doc: upload for doc, upload in self._uploads.items() if upload.touched > oldest}


def _whole(doc: str, upload: _Upload | None, size: int, crc: int) -> str:
    if upload is None:
        raise LoopError(
            Code.NO_SUCH_JOB, f"no document {doc}; upload it with /loopcube/put for each start, again after 60 s idle"
        )
    if (missing := upload.first_missing) >= 0:
        raise LoopError(Code.INCOMPLETE, f"document {doc}: chunk {missing} of {upload.count} is missing")
    text = "".join(upload.chunks[index] for index in range(upload.count))
    if (upload.size, crc32(text)) != (size, crc):
        got = f"{upload.size} bytes, crc32 {crc32(text)}"
        raise LoopError(Code.INCOMPLETE, f"document {doc}: {got}; announced {size}, {crc}; upload it again")
    return text
