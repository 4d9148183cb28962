"""The address table: in docs/protocol.md, over the wire, and in what handlers do, it is one and the same."""

from talk import Talk

from bridge.osc import messages
from bridge.osc.messages.table import address_table
from bridge.server.service import Service
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "protocol.md"
BEGIN, END = "<!-- made by bridge/osc/messages/table.py -->\n", "<!-- end -->"


def test_the_protocol_page_holds_the_table() -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    assert rest.partition(END)[0] == address_table() + "\n"


def test_describe_tells_the_same(talk: Talk) -> None:
    for index, (address, request) in enumerate(messages.REQUESTS.items()):
        reply = talk("describe", f"r{index}", index)
        assert isinstance(reply, messages.DescribeReply)
        assert (reply.count, reply.described, reply.tags) == (len(messages.REQUESTS), address, request.types())
        assert f"| `{address}` |" in address_table()


def test_every_request_has_its_reply_and_its_handler(service: Service) -> None:
    assert set(messages.REPLIES) == set(messages.REQUESTS)
    assert set(service._handlers) == set(messages.REQUESTS.values())
