"""A report as one HTML file that needs nothing else: no server, no network, no other file.

What the data say is hostile (names may hold markup). It travels as a JSON block that no browser runs, and
reaches the page as text only. A content security policy names the two scripts of the page by hash and forbids
all other code and every request.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

import msgspec

from hansa.console.report.checks import check
from hansa.console.report.data import ReportData

SCRIPTS = (
    "page.js",
    "words.js",
    "charts.js",
    "engineer.js",
    "accountant.js",
    "auditor.js",
    "operations.js",
    "votes.js",
    "business.js",
    "report.js",
)
"""The report's own code, in the order in which it stands in the page."""
LANGUAGES = ("zh", "en")
JSON_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
"""What could end a script element or a line of JavaScript; as JSON escapes they mean the same."""


def render(data: ReportData) -> str:
    """One HTML file, zh and en, as text to be stored in UTF-8. The same data give the same text.

    Raises ReportDataUnfit or ReportTooLarge for data that break the rules of `data.py`.
    """
    parts = {
        **_fixed_parts(),
        "data": _embedded(msgspec.json.encode(check(data), order="deterministic").decode()),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("template.html"))


@cache
def _fixed_parts() -> dict[str, str]:
    """All that does not depend on the data, by its name in the template."""
    chart_library = _asset("vendor/echarts/echarts.min.js")
    code = "\n".join(_asset(f"js/{name}") for name in SCRIPTS)
    page_code = f'"use strict";\n(() => {{\n{code}\n}})();'
    texts = {language: msgspec.json.decode(_asset(f"texts/{language}.json")) for language in LANGUAGES}
    return {
        "policy": _policy(chart_library, page_code),
        "style": _asset("report.css"),
        "texts": _embedded(msgspec.json.encode(texts, order="deterministic").decode()),
        "notice": _asset("vendor/echarts/NOTICE").strip(),
        "chart_library": chart_library,
        "code": page_code,
    }


def _policy(*scripts: str) -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def _embedded(json: str) -> str:
    return json.translate(JSON_ESCAPES)


def _asset(name: str) -> str:
    return files("hansa.console.report").joinpath(name).read_text("utf-8")
