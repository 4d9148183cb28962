"""Messages for data that is longer than a packet: uploads in chunks, and documents and tables in parts."""

from dataclasses import dataclass

from bridge.osc.messages.base import Reply, Request, require, require_name

VALUES_A_PAGE = 48  # activations in one answer: with the other values, an answer stays below 64 arguments


@dataclass(frozen=True)
class Put(Request):
    """Upload chunk `index` of `count` of a document, in any order, for job/start.

    >>> Put("t0", "r1", "doc1", 0, 1, "{}").to_osc()
    ('/loopcube/put', ('t0', 'r1', 'doc1', 0, 1, '{}'))
    """

    address = "/loopcube/put"
    doc: str
    index: int
    count: int
    chunk: str

    def __post_init__(self) -> None:
        super().__post_init__()
        require_name("doc", self.doc)
        require(1 <= self.count <= 1_024, "count", "1 to 1024", self.count)
        require(0 <= self.index < self.count, "index", f"0 to {self.count - 1}", self.index)


@dataclass(frozen=True)
class PutReply(Reply):
    """The number of chunks received, and the first missing one: -1 when the document is complete.

    >>> PutReply("r1", 1, -1).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/put', 1, -1))
    """

    answers = Put.address
    received: int
    first_missing: int


@dataclass(frozen=True)
class GetInfo(Request):
    """Return the length of a job's document: manifest, activations or log.

    >>> GetInfo("t0", "r1", "00c0ffee00c0ffee", "manifest").to_osc()
    ('/loopcube/get/info', ('t0', 'r1', '00c0ffee00c0ffee', 'manifest'))
    """

    address = "/loopcube/get/info"
    job: str
    doc: str


@dataclass(frozen=True)
class GetInfoReply(Reply):
    """The document is ASCII JSON of `bytes` bytes in `count` chunks; crc32 is signed.

    >>> GetInfoReply("r1", 2, 1, -1549353149).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/get/info', 2, 1, -1549353149))
    """

    answers = GetInfo.address
    bytes: int
    count: int
    crc32: int


@dataclass(frozen=True)
class Get(Request):
    """Return one chunk of a job's document.

    >>> Get("t0", "r1", "00c0ffee00c0ffee", "manifest", 0).to_osc()
    ('/loopcube/get', ('t0', 'r1', '00c0ffee00c0ffee', 'manifest', 0))
    """

    address = "/loopcube/get"
    job: str
    doc: str
    index: int


@dataclass(frozen=True)
class GetReply(Reply):
    """The requested chunk.

    >>> GetReply("r1", 0, 1, "{}").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/get', 0, 1, '{}'))
    """

    answers = Get.address
    index: int
    count: int
    chunk: str


@dataclass(frozen=True)
class Activations(Request):
    """Return how strongly each loop plays in each bar, from this bar and loop on.

    >>> Activations("t0", "r1", "00c0ffee00c0ffee", 0, 0).to_osc()
    ('/loopcube/activations', ('t0', 'r1', '00c0ffee00c0ffee', 0, 0))
    """

    address = "/loopcube/activations"
    job: str
    first_bar: int
    first_loop: int


@dataclass(frozen=True)
class ActivationsReply(Reply):
    """At most 48 values, bar by bar: `bars` rows of `loops` values, out of `bars_total` rows of `loops_total`.

    >>> ActivationsReply("r1", 0, 0, 1, 2, 1, 2, (0.5, 1.0)).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/activations', 0, 0, 1, 2, 1, 2, 0.5, 1.0))
    """

    answers = Activations.address
    first_bar: int
    first_loop: int
    bars: int
    loops: int
    bars_total: int
    loops_total: int
    values: tuple[float, ...]
