"""Classes of the ports that were renamed are found by their old names, with a warning."""

import pytest

from ftctl import ports


@pytest.mark.parametrize(("old", "new"), [("Inside", "LoadedModel"), ("Reached", "EndpointAccess")])
def test_an_old_name_means_the_new_class_and_warns(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is called {new}"):
        assert getattr(ports, old) is getattr(ports, new)


def test_other_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match="NoSuchPort"):
        ports.NoSuchPort  # noqa: B018
