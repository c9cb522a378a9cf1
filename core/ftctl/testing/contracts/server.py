"""What a server promises."""

import socket
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Message
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.launch import Address, Endpoint, LaunchSpec
from ftctl.plugin.offer import Offer, load
from ftctl.ports.server import Server
from ftctl.ports.server_runner import RunningServer
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.supporting import SupportingContract, hashes

RUNNER = "ftctl_adapters.process.server_runner:LocalServerRunner"
CLIENT = "ftctl_adapters.serving.openai_client"
QUESTION = (Message("user", "Good morning, and how are you?"),)
SECONDS = 120.0
TOKENS = 16
EVERYWHERE = "0.0.0.0"  # noqa: S104 # what must not be there


class ServerContract(SupportingContract, contract=True):
    """``model`` is served once for all tests of the class, so its folder must outlive them: ``tmp_path_factory``.

    ``python`` is the interpreter of its environment.
    """

    port: ClassVar[str] = "server"
    base: ClassVar[type] = Server

    @pytest.fixture
    def python(self) -> Interpreter:
        """Where the backend lives."""
        return Interpreter(sys.executable)

    @pytest.fixture
    def endpoint(
        self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, found: Offer,
        values: dict[str, Any], model: Artifact, python: Interpreter,
    ) -> Endpoint:  # fmt: skip
        """Where it answers; started at the first use, and never again once that failed."""
        kept: Endpoint | None = vars(request.cls).get("_endpoint")
        if "_failed" in vars(request.cls):
            raise request.cls._failed
        if kept is None:
            runner = load(RUNNER)()
            address = runner.address(0)
            request.cls._served, request.cls._before = Path(model.path), hashes(Path(model.path))
            spec: LaunchSpec = make(found, values).launch(model, address, python.path)
            spec = LaunchSpec(
                spec.argv, spec.served_name, spec.health_path, python.variables | spec.env, spec.start_timeout
            )
            try:
                log = tmp_path_factory.mktemp("server") / "server.log"
                request.cls._running = runner.start(spec, address, log)
            except Exception as error:
                request.cls._failed = error
                raise
            kept = request.cls._endpoint = Endpoint(f"{address.url}/v1", spec.served_name)
        return kept

    @classmethod
    def teardown_class(cls) -> None:
        """Ends the server, where one was started."""
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
        assert all(isinstance(part, str) for part in (*spec.argv, *spec.env, *spec.env.values()))
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
        """One of three tries must agree: a server that batches may round differently from one to the next."""
        chat, stream = load(f"{CLIENT}:chat"), load(f"{CLIENT}:stream")
        found = []
        for _ in range(3):
            pieces = stream(endpoint, QUESTION, TOKENS, SECONDS, temperature=0)
            found.append(("".join(piece.text for piece in pieces), chat(endpoint, QUESTION, TOKENS, SECONDS).text))
        assert any(streamed == whole for streamed, whole in found), found[0]

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
