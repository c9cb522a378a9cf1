"""Find the data set that a user names: an id, its first digits, or a tag."""

import re

from ftctl.domain.artifact import Artifact
from ftctl.domain.names import is_name, nearest
from ftctl.errors import UsageError
from ftctl.ports.artifact_store import ArtifactStore

KIND = "dataset"
ID = re.compile(r"(?:(?P<kind>[a-z]+)/)?(?P<digits>[0-9a-f]{6,64})")


def find_dataset(store: ArtifactStore, text: str) -> Artifact:
    """Return the data set that the text names: ``dataset/1a2b3c…``, its digits, or a tag.

    Raises:
        UsageError: nothing or several are named so.
    """
    tags = store.tags(KIND)
    if text in tags:
        return store.open(KIND, tags[text])
    named = ID.fullmatch(text)
    there = [one for one in store.artifacts() if one.kind == KIND]
    found = [one for one in there if named and one.digest.startswith(named["digits"])]
    if named and named["kind"] not in (None, KIND):
        found = []
    if len(found) == 1:
        return found[0]
    which = f"{len(found)} data sets" if found else "no data set"
    meant = nearest(text, tags)
    known = ", ".join([*tags, *(one.id for one in there)]) or "none"
    hint = f"; did you mean {meant!r}?" if meant else ""
    damaged = tuple(error.what for error in store.damaged())
    raise UsageError(f"{which} named {text!r} here{hint}", details=(f"there: {known}", *damaged))


def tag_dataset(store: ArtifactStore, text: str, name: str) -> Artifact:
    """Tag the data set; a tag moves from the data set that had it.

    Raises:
        UsageError: the name cannot be one, or looks like an id.
    """
    if not is_name(name) or ID.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a tag", next_step="lower-case letters, digits, dots and dashes; no id")
    found = find_dataset(store, text)
    store.tag(KIND, name, found.digest)
    return found
