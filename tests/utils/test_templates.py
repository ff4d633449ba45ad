"""Templates: what is missing is refused, values of HTML are escaped, and jinja2 is imported by a text alone."""

from __future__ import annotations

import subprocess
import sys

import pytest
import setuptools
from bundle_files import REPOSITORY
from jinja2 import UndefinedError

from mani_monai.utils.templates import render_template

HOSTILE = "<b onclick='x'>\"&\" {{ 7 * 7 }} {% if %}"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_values_are_escaped_in_html_alone(tmp_path):
    page = write(tmp_path / "a.html.jinja", "<p>{{ name }}</p>\n")
    card = write(tmp_path / "a.md.jinja", "é {{ name }}\n")
    escaped = "&lt;b onclick=&#39;x&#39;&gt;&#34;&amp;&#34; {{ 7 * 7 }} {% if %}"
    assert render_template(page, name=HOSTILE) == f"<p>{escaped}</p>\n"
    assert render_template(card, name=HOSTILE) == f"é {HOSTILE}\n"


@pytest.mark.parametrize("text", ["{{ nothing }}", "{{ name.nothing }}", "{% if nothing %}{% endif %}"])
def test_what_is_not_given_is_refused(tmp_path, text):
    with pytest.raises(UndefinedError, match="nothing"):
        render_template(write(tmp_path / "a.md.jinja", text), name={})


def test_a_line_of_a_block_alone_leaves_none(tmp_path):
    text = "a\n  {% for name in names %}\n{{ name }}\n  {% endfor %}\n\nb\n"
    assert render_template(write(tmp_path / "a.md.jinja", text), names=["c", "d"]) == "a\nc\nd\n\nb\n"


def test_modules_that_fill_in_a_template_import_no_jinja2():
    modules = [
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for path in sorted((REPOSITORY / "mani_monai").rglob("*.py"))
        if "import render_template" in path.read_text(encoding="utf-8")
    ]
    assert "mani_monai.apps.adapt.page" in modules
    code = f"import sys, {', '.join(modules)}; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_wheel_holds_every_template(monkeypatch):
    """By what setuptools would copy; tests/test_wheel_slow.py builds it."""
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr("sys.argv", ["setup.py"])
    project = setuptools.distutils.core.run_setup("setup.py", stop_after="init")
    build = project.get_command_obj("build_py")
    build.ensure_finalized()
    held = {f"{source}/{name}" for _, source, _, names in build.data_files for name in names}
    templates = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "mani_monai").rglob("*.jinja")}
    assert "mani_monai/apps/adapt/report.html.jinja" in templates
    assert templates <= held
