"""Find the artifact that a user names: an id of this workspace, or a model folder or hub name."""

from pathlib import Path

from attrs import evolve

from ftctl.application.app import App
from ftctl.application.find_dataset import ID
from ftctl.application.stage_keys import model_key
from ftctl.domain.artifact import Artifact, Lineage
from ftctl.domain.format import ADAPTERS
from ftctl.errors import ModelMismatch, UsageError

SERVED = ("model", "adapter")
"""Kinds that answer."""


def names_artifact(text: str) -> bool:
    """Return True if the text names an artifact or a model rather than a run file."""
    return bool(ID.fullmatch(text)) or Path(text).is_dir() or text.startswith("builtin:")


def find_artifact(app: App, text: str, scratch: Path) -> Artifact:
    """Return the model or adapter that the text names: ``model/1a2b3c…``, its digits, an artifact's folder, a model.

    Args:
        app: the application; a model from elsewhere becomes an artifact of its workspace.
        text: what was typed.
        scratch: where a model is laid out before it is stored.

    Raises:
        UsageError: nothing or several things are named so.
        ModelMismatch: it is an adapter whose base is not here.
        ModelUnsafe: a model that could run code.
    """
    place = Path(text).resolve()
    if place.is_dir() and place.parent.parent == (app.workspace / "artifacts").resolve():
        text = f"{place.parent.name}/{place.name}"
    named = None if Path(text).is_dir() else ID.fullmatch(text)
    if not named:
        return _admitted(app, text, scratch)
    there = [one for one in app.store.artifacts() if one.kind in SERVED]
    found = [one for one in there if one.digest.startswith(named["digits"]) and named["kind"] in (None, one.kind)]
    if len(found) != 1:
        which = "no model or adapter" if not found else f"{len(found)} artifacts"
        known = ", ".join(one.id for one in there) or "none"
        raise UsageError(f"{which} named {text!r} in {app.workspace}", details=(f"there: {known}",))
    return _whole(found[0], there)


def _whole(artifact: Artifact, there: list[Artifact]) -> Artifact:
    """Return an adapter together with its base."""
    if artifact.format not in ADAPTERS:
        return artifact
    wanted = str(artifact.facts.get("base"))
    base = next((one for one in there if one.digest == wanted), None)
    if base is None:
        raise ModelMismatch(f"{artifact.id} belongs to the base model {wanted[:12]}, which is not in this workspace")
    return evolve(artifact, base=base)


def _admitted(app: App, reference: str, scratch: Path) -> Artifact:
    """Admit a model as the first stage of a run does."""
    facts = app.intake.look(reference, None)
    known = app.store.recall(model_key(facts))
    if known:
        return app.store.open(str(known["kind"]), str(known["digest"]))
    out = scratch / "out"
    draft = app.intake.admit(reference, None, out)
    lineage = Lineage("model", "model-intake", "1", {"model": reference}, {"source": facts.fingerprint})
    return app.store.commit(out, draft, lineage)
