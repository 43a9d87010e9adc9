"""What both pages are made with: jinja2 set up so that whatever comes from outside is escaped."""

from typing import TYPE_CHECKING

from dbgclean.report.words import full, humanise, printable

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["template"]


def template(name: str) -> "Template":
    """A page of ``templates/``; a name that it uses and is not given is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("dbgclean.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(full=full, printable=printable, humanise=humanise)
    return environment.get_template(name)
