"""A fault of a plugin, and what becomes of it."""

from attrs import frozen

REFUSED = "refused: exit 6, with plugin and distribution"
UNDONE = "undone before other code runs"
STDERR = "goes to standard error"
ENDS = "ends with the process of its stage"
LEFT_OUT = "left out with a warning; the run goes on"
COPIES = "it has a copy: nobody else sees the change"
BROKEN = "listed as broken; naming it is refused with exit 6"
SILENT = "the plan has no estimate of it; the run goes on"
UNSEEN = "not seen in a single run"

COUNTED = "the check counts its tests"
"""What finds a fault that ends the program that tests it."""


@frozen
class Fault:
    """``code`` runs at ``place``: at the ``import`` of the backend's module, in its ``constructor``, before its
    ``method``, or ``instead`` of it.

    Attributes:
        name: unique in its port.
        text: what the plugin does, for the docs.
        application: what a run makes of it.
        contract: the test that fails, or `COUNTED`.
        method: the method that is concerned; empty: the port's main one.
        base: the fake that is broken; empty: the port's usual one.
    """

    name: str
    text: str
    place: str
    code: str
    application: str
    contract: str
    method: str = ""
    base: str = ""
