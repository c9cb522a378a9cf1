"""Contract of servers."""

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Message
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.launch import Address, Endpoint, LaunchSpec
from ftctl.errors import FtctlError, ServerDied, ServerNotReady
from ftctl.plugin.capabilities import GUARDED
from ftctl.plugin.offer import Offer, load
from ftctl.plugin.result_checks import checked
from ftctl.ports.server import Server
from ftctl.ports.server_runner import RunningServer
from ftctl.testing.contracts.base import capability
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.port_owner import listeners
from ftctl.testing.contracts.supports import WEIGHTS, SupportingContract, hashes

RUNNER = "ftctl_adapters.process.server_runner:LocalServerRunner"
CLIENT = "ftctl_adapters.serving.openai_client"
QUESTION = (Message("user", "Good morning, and how are you?"),)
SECONDS = 120.0
TOKENS = 16
TURNS = [{"role": "user", "content": "Good morning"}]
NAME = "served-name"
MALFORMED: tuple[bytes | list[object] | dict[str, object], ...] = (
    b'{"messages": [',
    [],
    {"model": NAME, "messages": "Good morning"},
    {"model": NAME, "messages": [{"role": "user"}, "Good morning"]},
    {"model": NAME, "messages": [{"role": "nobody's", "content": 7}]},
    {"model": NAME, "messages": TURNS, "max_tokens": "many"},
)
"""Bodies of chat requests that no server can answer."""
NOTICED_SECONDS = 10.0
"""Within which a command must end when what it serves with was killed."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 # what must not be there
Start = Callable[[LaunchSpec, Address], RunningServer]
Launch = Callable[[Artifact, Address], LaunchSpec]


class ServerContract(SupportingContract, contract=True):
    """Contract of servers; ``model`` is served once for all tests of the class, so its folder must outlive them:
    ``tmp_path_factory``.

    ``python`` is the interpreter of its environment.
    """

    port: ClassVar[str] = "server"
    base: ClassVar[type] = Server

    @pytest.fixture
    def python(self) -> Interpreter:
        """Interpreter of the backend."""
        return Interpreter(sys.executable)

    @pytest.fixture
    def damaged(self, model: Artifact, tmp_path: Path) -> Artifact:
        """The model with only the first half of its weights."""
        for source in sorted(path for path in Path(model.path).rglob("*") if path.is_file()):
            copy = tmp_path / "damaged" / source.relative_to(model.path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            content = source.read_bytes()
            copy.write_bytes(content[: len(content) // 2] if copy.suffix in WEIGHTS else content)
        return evolve(model, path=str(tmp_path / "damaged"))

    @pytest.fixture
    def launch(self, found: Offer, values: dict[str, Any], python: Interpreter) -> Launch:
        """The backend's command for a model at an address, with the variables of its environment."""

        def spec(model: Artifact, address: Address) -> LaunchSpec:
            said: LaunchSpec = make(found, values).launch(model, address, python.path)
            return evolve(said, env=python.variables | said.env)

        return spec

    @pytest.fixture
    def start(self, tmp_path_factory: pytest.TempPathFactory) -> Start:
        """Function that starts such a command as the application does, and waits until it is ready."""
        return lambda spec, address: load(RUNNER)().start(spec, address, tmp_path_factory.mktemp("server") / "log")

    @pytest.fixture
    def endpoint(self, request: pytest.FixtureRequest, model: Artifact, launch: Launch, start: Start) -> Endpoint:
        """Endpoint of the running server; started at the first use, and not again once that failed."""
        kept: Endpoint | None = vars(request.cls).get("_endpoint")
        if "_failed" in vars(request.cls):
            raise request.cls._failed
        if kept is None:
            address = _free()
            request.cls._served, request.cls._before = Path(model.path), hashes(Path(model.path))
            spec = launch(model, address)
            try:
                request.cls._running = start(spec, address)
            except Exception as error:
                request.cls._failed = error
                raise
            kept = request.cls._endpoint = Endpoint(f"{address.url}/v1", spec.served_name)
        return kept

    @pytest.fixture
    def used(self, found: Offer, values: dict[str, Any], model: Artifact) -> Callable[[], object]:
        """Function that asks for the command; the server itself runs in a process of its own."""
        return lambda: make(found, values).launch(model, Address("127.0.0.1", 48_231), sys.executable)

    @classmethod
    def teardown_class(cls) -> None:
        """End the server, where one was started."""
        running: RunningServer | None = vars(cls).get("_running")
        if running:
            running.stop()
            del cls._running, cls._endpoint  # type: ignore[attr-defined]

    def test_its_command_stays_on_the_address_that_it_was_given(
        self, found: Offer, values: dict[str, Any], model: Artifact
    ) -> None:
        address = Address("127.0.0.1", 48_231)
        spec = make(found, values).launch(model, address, "/an/environment/bin/python")
        assert spec == make(found, values).launch(model, address, "/an/environment/bin/python")
        checked(spec, "launch", found.name)
        told = " ".join((*spec.argv, *spec.env.values()))
        assert str(address.port) in told, "the port is not given"
        assert address.host in told, "the address is not given, and its default may be every one"
        assert EVERYWHERE not in told, "it listens to other machines"
        assert spec.served_name

    def test_it_lists_the_model_by_the_name_that_requests_use(self, endpoint: Endpoint) -> None:
        assert endpoint.model in load(f"{CLIENT}:models")(endpoint.url)

    def test_it_answers_with_text(self, endpoint: Endpoint) -> None:
        assert load(f"{CLIENT}:chat")(endpoint, QUESTION, TOKENS, SECONDS).text.strip()

    def test_pieces_of_a_stream_are_the_whole_answer(self, endpoint: Endpoint) -> None:
        """Compare streamed with whole answers; one of three tries must agree, since batching may round differently."""
        chat, stream = load(f"{CLIENT}:chat"), load(f"{CLIENT}:stream")
        found = []
        for _ in range(3):
            pieces = stream(endpoint, QUESTION, TOKENS, SECONDS, temperature=0)
            found.append(("".join(piece.text for piece in pieces), chat(endpoint, QUESTION, TOKENS, SECONDS).text))
        assert any(streamed == whole for streamed, whole in found), found[0]

    @capability(GUARDED)
    def test_requests_from_elsewhere_are_refused(self, endpoint: Endpoint) -> None:
        """Check what a page of another site would send, also by a name that resolves to this machine."""
        own = urlsplit(endpoint.url).netloc
        sent = {
            421: {"Host": "evil.example"},
            403: {"Host": own, "Origin": "https://evil.example"},
            413: {"Host": own, "Content-Length": str(1 << 40)},
        }
        for status, headers in sent.items():
            for path in ("/health", "/v1/models", "/v1/chat/completions"):
                assert _status(own, path, headers) == status, f"{path} with {headers}"
        assert _status(own, "/v1/models", {"Host": own, "Origin": f"http://{own}"}, "GET") == 200

    def test_malformed_requests_are_refused_and_the_next_is_answered(self, endpoint: Endpoint) -> None:
        own = urlsplit(endpoint.url).netloc
        for body in MALFORMED:
            sent = body if isinstance(body, bytes) else json.dumps(body).replace(NAME, endpoint.model).encode()
            found = _status(own, "/v1/chat/completions", {"Host": own, "Content-Type": "application/json"}, body=sent)
            assert 400 <= found < 500, f"{found} for {sent.decode()}"
        load(f"{CLIENT}:chat")(endpoint, QUESTION, TOKENS, SECONDS)

    def test_eight_requests_at_once_are_all_answered(self, endpoint: Endpoint) -> None:
        chat = load(f"{CLIENT}:chat")
        answers: list[str] = []
        errors: list[str] = []

        def one() -> None:
            try:
                answers.append(chat(endpoint, QUESTION, TOKENS, SECONDS).text)
            except Exception as error:
                errors.append(str(error))

        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
        assert len(answers) == 8

    def test_the_model_is_only_read_while_it_is_served(
        self, request: pytest.FixtureRequest, endpoint: Endpoint
    ) -> None:
        load(f"{CLIENT}:chat")(endpoint, QUESTION, TOKENS, SECONDS)
        assert hashes(request.cls._served) == request.cls._before

    def test_nothing_listens_once_it_is_stopped(self, request: pytest.FixtureRequest, endpoint: Endpoint) -> None:
        running: RunningServer = request.cls._running
        host, port = endpoint.url.split("/")[2].split(":")
        running.stop()
        running.stop()
        del request.cls._running, request.cls._endpoint
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5).close()

    def test_a_port_in_use_ends_it(self, model: Artifact, launch: Launch, start: Start) -> None:
        """Check that it neither waits for the port nor takes another."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = Address("127.0.0.1", taken.getsockname()[1])
            spec = launch(model, address)
            try:
                start(evolve(spec, start_timeout=min(spec.start_timeout, SECONDS)), address).stop()
            except ServerDied:
                return
            except ServerNotReady as error:
                pytest.fail(f"the port was in use, and it neither answered nor ended: {error}")
        pytest.fail("it answers at a port that was in use")

    def test_weights_that_are_cut_off_are_refused_before_it_is_ready(
        self, damaged: Artifact, launch: Launch, start: Start
    ) -> None:
        address = _free()
        try:
            start(launch(damaged, address), address).stop()
        except ServerNotReady as error:
            pytest.fail(f"it neither answered nor ended: {error}")
        except FtctlError:
            return
        pytest.fail("it became ready with half of the weights")

    def test_it_ends_when_what_listens_was_killed(self, model: Artifact, launch: Launch, start: Start) -> None:
        """Check that a command that starts others, such as a shell, does not outlive them."""
        address = _free()
        running = start(launch(model, address), address)
        try:
            for process in listeners(address.port):
                os.kill(process, signal.SIGKILL)
            deadline = time.monotonic() + NOTICED_SECONDS
            while time.monotonic() < deadline:
                try:
                    running.check()
                except ServerDied:
                    return
                time.sleep(0.1)
        finally:
            running.stop()
        pytest.fail(f"what listened is dead, and {NOTICED_SECONDS:g} s later its command still runs")


def _status(address: str, path: str, headers: dict[str, str], method: str = "POST", body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection(address, timeout=SECONDS)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


def _free() -> Address:
    address: Address = load(RUNNER)().address(0)
    return address
