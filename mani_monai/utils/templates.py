"""Texts by jinja2 templates, which lie beside the modules that fill them in."""

from __future__ import annotations

from pathlib import Path


def render_template(template: Path, **values: object) -> str:
    """A template, filled in. In HTML every value is escaped; in other texts it stands as it is.

    Args:
        template: its file; that of HTML ends in ``.html.jinja``.
        values: what the template names.

    Raises:
        jinja2.UndefinedError: when the template names a value that is not given.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # reports and exports alone need it

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=template.name.endswith(".html.jinja"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)
