"""The paper as one HTML file to print: no script, no other file, A4."""

from html import escape
from importlib.resources import files

from hansa.client.pay.needs import library
from hansa.console.statement.paper import Grid, Paper

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_text(paper: Paper) -> str:
    """The same paper gives the same text. Whatever names hold is shown as text."""
    style = files("hansa.console.statement").joinpath("paper.css").read_text("utf-8")
    lang = "zh-CN" if paper.lang == "zh" else "en"
    return f"""<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(f"{paper.title} {paper.number}")}</title><style>{style}</style></head><body>
<header><div class="qr">{qr_svg(paper.code)}</div>
<h1>{escape(paper.title)}</h1><p class="number">{escape(paper.number)}</p></header>
<table class="parties"><tbody>{"".join(_party(one) for one in paper.parties)}</tbody></table>
<dl>{_pairs(paper.facts)}</dl>
<p class="sum"><span>{escape(paper.sum[0])}</span> <b>{escape(paper.sum[1])}</b></p>
{"".join(_grid(grid) for grid in paper.grids)}
<dl class="payment">{_pairs(paper.payment)}</dl>
<p class="hash">SHA-256 {paper.evidence}</p>
{"".join(f"<p class='note'>{escape(note)}</p>" for note in paper.notes)}
<div class="seals">{"".join(f"<div>{escape(seal)}</div>" for seal in paper.seals)}</div>
</body></html>
"""


def qr_svg(code: str) -> str:
    """The code as SVG, in line."""
    made = library("segno").make(code, error="m", micro=False)
    return str(made.svg_inline(border=2, omitsize=True))


def _party(party: tuple[str, str, str]) -> str:
    role, name, registration = (escape(text) for text in party)
    return f"<tr><th>{role}</th><td>{name}</td><td>{registration}</td></tr>"


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    return "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in pairs)


def _grid(grid: Grid) -> str:
    heads = "".join(f"<th{_side(grid, at)}>{escape(head)}</th>" for at, head in enumerate(grid.heads))
    rows = []
    for number, row in enumerate(grid.rows):
        cells = "".join(f"<td{_side(grid, at)}>{escape(cell)}</td>" for at, cell in enumerate(row))
        total = ' class="total"' if grid.last and number == len(grid.rows) - 1 else ""
        rows.append(f"<tr{total}>{cells}</tr>")
    body = "".join(rows)
    return f"<h2>{escape(grid.title)}</h2><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _side(grid: Grid, at: int) -> str:
    return ' class="right"' if at in grid.right else ' class="wide"' if at in grid.wide else ""
