import re
from pathlib import Path

import jinja2
import pytest

from hl7calf.console import rendering
from hl7calf.console.rendering import Templates, static_files, static_mark

FOLDER = Path(rendering.__file__).parent / "templates"
TEMPLATES = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.iterdir())}
HTMX_DIGEST = "d6fdc75f204e6bde"  # sha256 of dist/htmx.min.js in htmx.org-2.0.11.tgz, begins so


@pytest.mark.parametrize("name", ["safe", "tojson", "urlize", "xmlattr"])
def test_filters_that_skip_escaping_do_not_exist(name: str) -> None:
    with pytest.raises(jinja2.TemplateAssertionError):
        Templates()._environment.from_string("{{ x | " + name + " }}")


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_template_steps_around_the_escaping(template: str) -> None:
    text = TEMPLATES[template]
    assert not re.search(
        r"\|\s*(safe|forceescape)|autoescape|Markup|\bstyle=|\bon[a-z]+=|javascript:|<style|srcdoc", text
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_value_in_an_attribute_is_quoted(template: str) -> None:
    assert not re.search(r"=\s*\{\{", TEMPLATES[template])
    assert not re.search(r"<[a-z]+[^>\"]*\s\{\{", re.sub(r'"[^"]*"', '""', TEMPLATES[template]))


def test_scripts_are_files_of_ours_and_nothing_stands_in_them() -> None:
    for template, text in TEMPLATES.items():
        for script in re.findall(r"<script[^>]*>.*?</script>", text, re.DOTALL):
            assert re.fullmatch(
                r'<script src="/static/htmx\.min\.js\?\{\{ static_mark \}\}" defer></script>', script
            ), template


def test_addresses_begin_with_a_page_of_ours() -> None:
    for template, text in TEMPLATES.items():
        for address in re.findall(r'(?:href|src|action|hx-get|hx-post)="(\{\{.*?\}\}|[^"]*)"', text):
            computed = ("{{ where }}", "{{ need.where }}", "#main")  # built from our own text and numbers
            ours = address.startswith("/") or address in computed or address.startswith('{{ "/message/"')
            assert ours, (template, address)


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        Templates()._environment.from_string("{{ nothing }}").render()


def test_everything_is_escaped() -> None:
    drawn = Templates()._environment.from_string('<i title="{{ x }}">{{ x }}</i>').render(x="\"'<>&")
    assert drawn == '<i title="&#34;&#39;&lt;&gt;&amp;">&#34;&#39;&lt;&gt;&amp;</i>'


def test_static_files_have_their_types_and_a_mark_that_follows_their_bytes() -> None:
    files = static_files()
    assert set(files) == {"console.css", "htmx.min.js", "htmx-LICENSE.txt", "icon.svg"}
    assert re.fullmatch("[0-9a-f]{10}", static_mark())


def test_htmx_is_the_one_that_npm_delivered_with_its_licence() -> None:
    from hashlib import sha256

    files = static_files()
    assert b"Zero-Clause BSD" in files["htmx-LICENSE.txt"][1]
    assert b'version:"2.0.11"' in files["htmx.min.js"][1]
    assert sha256(files["htmx.min.js"][1]).hexdigest()[:16] == HTMX_DIGEST


def test_htmx_may_neither_style_nor_evaluate_nor_keep_anything() -> None:
    config = re.search(r"name=\"htmx-config\" content='([^']*)'", TEMPLATES["base.html"])
    assert config is not None
    import json

    read = json.loads(config[1])
    for name in ("includeIndicatorStyles", "allowEval", "allowScriptTags", "historyEnabled"):
        assert read[name] is False
    assert read["selfRequestsOnly"] is True
    assert read["historyCacheSize"] == 0


def test_no_style_sheet_loads_anything() -> None:
    css = static_files()["console.css"][1].decode()
    assert "url(" not in css
    assert "@import" not in css
    assert "http" not in css
