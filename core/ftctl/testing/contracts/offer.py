"""Contract of offers of every port: names, paths, options, and imports."""

import contextlib
import io
import json
import math
import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Any, ClassVar

import attrs
import pytest

from ftctl.application.requirements import lacking
from ftctl.domain.names import is_name
from ftctl.plugin.capabilities import CAPABILITIES
from ftctl.plugin.manifest import Manifest, read_manifest
from ftctl.plugin.offer import Offer, load
from ftctl.plugin.option_checks import check_options
from ftctl.plugin.process_state import RANDOM, ProcessState
from ftctl.plugin.registry import Registry, Unknown
from ftctl.testing.contracts.base import Contract
from ftctl.testing.contracts.fresh_python import in_fresh_python, in_new_python
from ftctl.testing.fakes import FakeEnvironments

HEAVY = ("torch", "transformers", "numpy", "pandas", "pyarrow", "tensorflow", "onnxruntime", "vllm", "click")
"""What no manifest imports."""

READ_SECONDS = 30.0
"""Longest time to read a manifest."""

MANIFEST_MILLISECONDS, TRIES = 20, 5
"""Processor time that the import of a manifest may take where ``ftctl.plugin`` is known; the best of some tries."""

MEASURE = """
import sys, time
import ftctl.plugin.registry, ftctl.domain.format
started = time.process_time()
import {module}
print(1000 * (time.process_time() - started))
print(",".join(name for name in {heavy!r} if name in sys.modules))
"""
BLOCKED = """
import sys
for name in {needs!r}:
    sys.modules[name] = None
from ftctl.plugin.offer import load
from ftctl.plugin.process_state import ProcessState
before = ProcessState.taken()
load({factory!r})(load({options!r})(**{values!r}))
print({changed!r} + "; ".join(before.changes()))
print({imported!r} + ",".join(name for name in {heavy!r} if sys.modules.get(name)))
"""
CHANGED, IMPORTED = "changed:", "imported:"


class OfferContract(Contract, contract=True):
    """Contract of all ports; ``offer`` names the backend, ``values`` are its options."""

    port: ClassVar[str]
    base: ClassVar[type]
    draws: ClassVar[bool] = False
    """Whether its work draws random numbers of the process, as training does."""

    @pytest.fixture
    def registry(self) -> Registry:
        """Registry of the installed plugins."""
        return Registry()

    @pytest.fixture
    def offer(self) -> str:
        """The backend's name."""
        raise NotImplementedError("a contract needs the fixture `offer`: the name of the backend")

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        """Options, as a run file has them."""
        return {}

    @pytest.fixture
    def found(self, registry: Registry, offer: str) -> Offer:
        """The offer under test."""
        found = registry.find(self.port, offer)
        if isinstance(found, Unknown):
            pytest.fail(found.reason)
        return found

    @pytest.fixture
    def manifest(self, registry: Registry, found: Offer) -> str:
        """The module that makes the offer."""
        for point in registry.entry_points():
            if point.dist and point.dist.name != found.dist:
                continue  # what others have broken is not its fault
            read = read_manifest(point, found.dist, found.version, READ_SECONDS)
            offers = read.offers if isinstance(read, Manifest) else ()
            if any((one.port, one.name, one.factory) == (found.port, found.name, found.factory) for one in offers):
                return point.value.partition(":")[0]
        pytest.fail(f"no entry point of {found.dist} offers {found.name}; override the fixture `manifest`")

    @pytest.fixture
    def used(self) -> Callable[[], object]:
        """Function that has the backend do its work once."""
        raise NotImplementedError

    @pytest.fixture
    def made(self, found: Offer, values: dict[str, Any]) -> Any:
        """The backend itself."""
        return make(found, values)

    def test_it_has_a_name_and_says_what_it_is_in_a_line(self, found: Offer) -> None:
        assert is_name(found.name)
        assert found.summary.strip(), "the summary is empty"
        assert "\n" not in found.summary
        assert len(found.summary) <= 120, "the summary is for a table"

    def test_its_capabilities_are_known(self, found: Offer) -> None:
        strange = [name for name in found.capabilities if name not in CAPABILITIES]
        assert not strange, f"{strange} are tested by nothing; known: {CAPABILITIES}"

    def test_its_paths_lead_to_a_backend_of_its_port(self, found: Offer, values: dict[str, Any]) -> None:
        made = make(found, values)
        assert isinstance(made, self.base), f"{found.factory} makes a {type(made).__name__}, no {self.base.__name__}"
        if found.recipe:
            package, _, file = found.recipe.partition(":")
            tomllib.loads(files(package).joinpath(file).read_text(encoding="utf-8"))

    def test_its_options_are_frozen_and_each_has_help(self, found: Offer, values: dict[str, Any]) -> None:
        kind = load(found.options)
        assert attrs.has(kind), f"{found.options} is made without @options"
        silent = [field.name for field in attrs.fields(kind) if not str(field.metadata.get("help", "")).strip()]
        assert not silent, f"options without help: {silent}"
        good, _ = check_options(kind, values, "values")
        one = kind(**good)
        for field in attrs.fields(kind)[:1]:
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(one, field.name, getattr(one, field.name))

    def test_its_options_survive_json(self, found: Offer, values: dict[str, Any]) -> None:
        kind = load(found.options)
        good, problems = check_options(kind, values, "values")
        assert not problems, problems
        first = kind(**good)
        written = json.loads(json.dumps(attrs.asdict(first, recurse=False)))
        again, problems = check_options(kind, written, "values")
        assert not problems, problems
        assert kind(**again) == first

    def test_an_unknown_option_is_refused_with_its_path(self, found: Offer, values: dict[str, Any]) -> None:
        _, problems = check_options(load(found.options), {**values, "no_such_option": 1}, "here")
        assert any(line.startswith("here.no_such_option: unknown key") for line in problems)

    def test_a_missing_dependency_is_told_with_its_remedy(self, found: Offer) -> None:
        environments = FakeEnvironments(absent={need.module for need in found.needs})
        environments.pythons[found.environment] = environments.pythons["default"]
        line = lacking(found, environments, ())
        assert all(need.module and need.install for need in found.needs), "a need does not say what to install"
        if found.needs:
            remedies = [need.install for need in found.needs] if found.environment == "default" else [found.environment]
            assert all(remedy in line for remedy in remedies)
        absent = FakeEnvironments(pythons={})
        assert found.environment in lacking(found, absent, ()), "an absent environment is not told"

    def test_it_leaves_the_process_as_it_was(self, used: Callable[[], object]) -> None:
        before, printed = ProcessState.taken(), io.StringIO()
        used()  # packages may do what they like when they are imported
        before.restore()
        with contextlib.redirect_stdout(printed):
            used()
        changed = [line for line in before.changes() if not (self.draws and line.startswith(RANDOM))]
        before.restore()
        assert not changed, f"it changes the process: {'; '.join(changed)}"
        assert self.port == "monitor" or not printed.getvalue(), "it prints on standard output"

    def test_its_manifest_is_light(self, manifest: str) -> None:
        program = MEASURE.format(module=manifest, heavy=HEAVY)
        best = math.inf
        for _ in range(TRIES):
            took, heavy = (in_new_python(program) + "\n").split("\n")[:2]
            assert not heavy, f"the manifest imports {heavy}"
            best = min(best, float(took))
            if best < MANIFEST_MILLISECONDS:
                return
        pytest.fail(f"the manifest takes {best:.0f} ms to import")

    def test_it_can_be_made_without_what_it_needs_and_prints_nothing(
        self, found: Offer, values: dict[str, Any]
    ) -> None:
        needs = [need.module for need in found.needs]
        good, _ = check_options(load(found.options), values, "values")
        program = BLOCKED.format(needs=needs, factory=found.factory, options=found.options, values=good, heavy=HEAVY,
                                 changed=CHANGED, imported=IMPORTED)  # fmt: skip
        lines = [line for line in in_fresh_python(program).splitlines() if line]
        changed = "".join(line.removeprefix(CHANGED) for line in lines if line.startswith(CHANGED))
        heavy = [line.removeprefix(IMPORTED) for line in lines if line.startswith(IMPORTED)]
        assert heavy, "it ends the program when it is made"
        assert len(lines) == 2, "it prints when it is made"
        assert not changed, f"it changes the process when it is made: {changed}"
        step = "import that where it is used, and declare the need"
        assert not heavy[0], f"it imports {heavy[0]} when it is made; {step}"


def make(offer: Offer, values: dict[str, Any]) -> Any:
    """The backend that the offer and options describe."""
    kind = load(offer.options)
    good, problems = check_options(kind, values, "values")
    assert not problems, problems
    return load(offer.factory)(kind(**good))
