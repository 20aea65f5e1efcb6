"""The file as it lies on disk: whole in itself, closed to the network, safe with hostile data."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files
from itertools import product

import msgspec
import pytest
from msgspec.structs import replace

from hansa.console.report import ReportData, render
from hansa.console.report.render import LANGUAGES, SCRIPTS
from tests.console.sample import sample

FOLDER = files("hansa.console.report")
PAGE = render(sample())
HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u2028\u2029&amp;{{code}}"
OUTPUT_MAX_BYTES = 1_500_000
AA_TEXT = 4.5
CODES = (
    *("unit", "rule", "state", "role", "skipped", "grade", "status", "became", "life", "kind", "length"),
    *("cheat", "node_role", "key_kind", "registration", "size_class", "member_status", "licence"),
    *("proposal_kind", "proposal_status", "vote", "approval_status", "part", "key_change", "finding"),
)


class Outline(HTMLParser):
    """Elements with their attributes, and the content of each script, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def own_code() -> str:
    return "\n".join(FOLDER.joinpath(f"js/{name}").read_text("utf-8") for name in SCRIPTS)


def texts(language: str) -> dict[str, str]:
    return msgspec.json.decode(FOLDER.joinpath(f"texts/{language}.json").read_bytes(), type=dict[str, str])


def theme() -> list[dict[str, str]]:
    """Colours by name: light, then dark, which replaces some."""
    css = FOLDER.joinpath("report.css").read_text("utf-8")
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in css.split("@media")[:2])
    return [light, {**light, **dark}]


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_same_data_give_the_same_bytes() -> None:
    assert render(sample()) == PAGE
    assert render(sample(device="another")) != PAGE
    read = sample().read
    assert read
    turned = replace(read, skipped=dict(reversed(read.skipped.items())))
    assert render(replace(sample(), read=turned)) == PAGE


def test_the_report_without_data_is_small_enough_to_mail() -> None:
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', PAGE)
    assert block
    assert len(PAGE.encode()) - len(block[1].encode()) <= OUTPUT_MAX_BYTES


def test_nothing_is_loaded_from_outside() -> None:
    outline = Outline(PAGE)
    for tag, attributes in outline.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "href", "srcset", "action"} & attributes.keys()
    css = FOLDER.joinpath("report.css").read_text("utf-8")
    assert "url(" not in css
    assert "@import" not in css
    for name in ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "EventSource", "import(", "http"):
        assert name not in own_code()


def test_the_policy_names_the_two_scripts_and_allows_nothing_else() -> None:
    outline = Outline(PAGE)
    policy = next(a["content"] for tag, a in outline.elements if a.get("http-equiv"))
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    run = outline.scripts[2:]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in run]
    assert rules["script-src"].split() == [f"'sha256-{value}'" for value in hashes]
    assert len(run) == 2


def test_hostile_names_stay_data() -> None:
    outline = Outline(render(sample(device=HOSTILE)))
    assert len(outline.scripts) == 4
    assert [tag for tag, _ in outline.elements] == [tag for tag, _ in Outline(PAGE).elements]
    data = msgspec.json.decode(outline.scripts[1], type=ReportData)
    assert data == sample(device=HOSTILE)
    assert not re.search("[<>&\u2028\u2029]", outline.scripts[1])


def test_text_reaches_the_page_only_as_text() -> None:
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert name not in own_code()


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    zh, en = (texts(language) for language in LANGUAGES)
    assert list(zh) == list(en)
    for key in zh:
        assert zh[key].strip(), key
        assert en[key].strip(), key
        assert sorted(re.findall(r"\{\w+\}", zh[key])) == sorted(re.findall(r"\{\w+\}", en[key])), key
        assert not re.search("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]", en[key]), key


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    code, known = own_code(), texts("en")
    used = set(re.findall(r'\bt\(\s*"([\w.]+)"', code))
    assert used <= known.keys()
    families = {found.split(".")[0] for found in re.findall(r"t\(`(\w+\.)\$\{", code)} | set(CODES)
    for key in known.keys() - used:
        assert key.split(".")[0] in families | {"zoom"}, key
        if key.startswith("zoom."):
            assert f'"{key}"' in code


def test_the_chart_library_is_the_one_that_its_note_names() -> None:
    folder = FOLDER.joinpath("vendor/echarts")
    note = folder.joinpath("README.md").read_text("utf-8")
    assert hashlib.sha256(folder.joinpath("echarts.min.js").read_bytes()).hexdigest() in note
    assert "Apache License" in folder.joinpath("LICENSE").read_text("utf-8")
    assert "Apache Software Foundation" in PAGE


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(number: int) -> None:
    colours = theme()[number]
    for front, ground in product(("ink", "muted", "accent", "warn", "bad"), ("paper", "ground")):
        assert contrast(colours[front], colours[ground]) >= AA_TEXT, (front, ground)
    assert contrast(colours["paper"], colours["accent"]) >= AA_TEXT
