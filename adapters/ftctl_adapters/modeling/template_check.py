"""Check a chat template before any library renders it."""

import functools
from typing import TYPE_CHECKING

from ftctl.errors import ModelUnsafe, UsageError
from ftctl_adapters.modeling.template_trial import try_template

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.ext import Extension
    from jinja2.parser import Parser

MAX_BYTES = 256 << 10


def check_template(source: str, where: str) -> None:
    """Refuse private attributes, imports and the ``attr`` filter.

    Raises:
        ModelUnsafe: the template reaches for what it has no business with, or is no Jinja.
    """
    try:
        from jinja2 import TemplateSyntaxError, nodes
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise UsageError("checking a chat template needs jinja2", next_step="pip install 'ftctl[hf]'") from error
    if len(source) > MAX_BYTES:
        raise ModelUnsafe(f"{where}: chat template of {len(source)} characters (limit {MAX_BYTES})")
    environment = ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"])
    environment.extensions["generation"] = _generation(environment)
    try:
        tree = environment.parse(source)
    except (TemplateSyntaxError, RecursionError) as error:
        raise ModelUnsafe(f"{where}: chat template is not Jinja: {error}") from error
    for node in tree.find_all(
        (nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Import, nodes.FromImport, nodes.Include)
    ):
        reached = _reaches(node)
        if reached:
            raise ModelUnsafe(
                f"{where}:{node.lineno}: chat template reaches for {reached}",
                next_step="replace the template; ftctl never renders such a one",
            )
    if any(True for _ in tree.find_all((nodes.For, nodes.Mul, nodes.Pow, nodes.Call, nodes.Filter, nodes.Mod))):
        _try_once(source, where)


@functools.cache
def _try_once(source: str, where: str) -> None:
    try_template(source, where)


def _reaches(node: object) -> str | None:
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return str(node.arg.value) if str(node.arg.value).startswith("__") else None
    if isinstance(node, nodes.Filter):
        return "the filter attr" if node.name in ("attr", "map") and _names_private(node) else None
    return None if isinstance(node, nodes.Getattr | nodes.Getitem) else "another template"


def _names_private(node: object) -> bool:
    from jinja2 import nodes

    if not isinstance(node, nodes.Filter):
        return False
    given = [*node.args, *(pair.value for pair in node.kwargs)]
    return node.name == "attr" or any(isinstance(a, nodes.Const) and str(a.value).startswith("_") for a in given)


def _generation(environment: "Environment") -> "Extension":
    """The ``{% generation %}`` block that transformers adds to the language."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as an instance variable

        def parse(self, parser: "Parser") -> "nodes.Node":
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    return Generation(environment)
