"""Leases off the ledger: the contract as a page to print, terms made from those of another, files by hash."""

import hashlib
from html import escape
from pathlib import Path

from hansa.apps.leasing import text
from hansa.apps.leasing.messages import Attachment, Lease
from hansa.apps.leasing.messages_market import Language, LeaseTerms
from hansa.apps.leasing.text_draft import Draft
from hansa.client.texts import Text
from hansa.kernel import replace
from hansa.kernel.refusal import Refusal

FILE_BYTES_MAX = 256 * 2**20
CHUNK_BYTES = 2**20
STATES: dict[str, Text] = {
    "signing": Text("待签署", "to be signed"),
    "signed": Text("已签署，待交接", "signed, to be handed over"),
    "running": Text("履行中", "running"),
    "returned": Text("已返还，待结清", "returned, to be settled"),
    "closed": Text("已关闭", "closed"),
    "void": Text("已作废", "void"),
}
STYLE = """
body{font-family:"Noto Sans SC","Source Han Sans SC","Microsoft YaHei",sans-serif;font-size:10.5pt;margin:2cm}
h1{font-size:16pt;text-align:center}h2{font-size:12pt;margin:1.2em 0 .3em}
table{border-collapse:collapse;table-layout:fixed;width:100%}
td{vertical-align:top;width:50%;padding:.25em .8em .25em 0;overflow-wrap:anywhere}
.seal td{height:3.5cm;border-top:1px solid #000}.digest{font-family:monospace;word-break:break-all}
@media print{body{margin:0}tr{break-inside:avoid}}
"""


class FileTooLarge(Refusal, code="leases.file_too_large", field="file"):
    zh = "文件 {file} 超过 {limit} 字节，不能作为照片或附件。请压缩或拆分。"
    en = "The file {file} is larger than {limit} bytes and cannot be a photo or attachment. Make it smaller."


class FileUnreadable(Refusal, code="leases.file_unreadable", field="file"):
    zh = "文件 {file} 无法读取：{cause}。请核对路径。"
    en = "The file {file} cannot be read: {cause}. Check its path."


def sha256_of(path: Path) -> str:
    """Digest of a photo or document; the file stays where it is. Raises FileTooLarge, FileUnreadable."""
    found, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                found.update(data)
                size += len(data)
                if size > FILE_BYTES_MAX:
                    raise FileTooLarge(file=str(path), limit=FILE_BYTES_MAX)
    except OSError as error:
        raise FileUnreadable(file=str(path), cause=error.strerror or str(error)) from None
    return found.hexdigest()


def page(draft: Draft, signatures: tuple[tuple[str, str, str], ...] = ()) -> str:
    """The contract in both languages side by side, one file to read and print, with a field for either seal.

    `signatures`: (member, key, time) of who has signed. Everything from the ledger is escaped.
    """
    pairs = zip(text.clauses(draft, "zh"), text.clauses(draft, "en"), strict=True)
    rows = []
    for zh, en in pairs:
        rows.append(_row(f"<h2>{zh.number}. {escape(zh.heading)}</h2>", f"<h2>{escape(en.heading)}</h2>"))
        for position, both in enumerate(zip(zh.paragraphs, en.paragraphs, strict=True), 1):
            rows.append(_row(*(f"{zh.number}.{position} {escape(one)}" for one in both)))
    signed = "".join(
        _row(f"已签署 Signed: {escape(member)} / {escape(key)}", escape(when))
        for member, key, when in signatures
    )
    titles = "<br>".join(escape(text.title(draft, lang)) for lang in ("zh", "en"))
    advice = "<br>".join(escape(each) for each in text.NO_ADVICE)
    seals = _row("出租方（公章） Lessor", "承租方（公章） Lessee")
    digest = f"<span class=digest>SHA-256 {text.content(draft)}</span>"
    return "\n".join(
        [
            '<!doctype html><html lang="zh"><meta charset="utf-8">',
            f"<title>{escape(draft.lease)}</title><style>{STYLE}</style>",
            f"<h1>{titles}</h1><p>{escape(draft.lease)} · {digest}</p>",
            f"<table>{''.join(rows)}</table><table>{signed}</table>",
            f"<table class=seal>{seals}</table><p>{advice}</p></html>",
            "",
        ]
    )


def _row(left: str, right: str) -> str:
    return f"<tr><td>{left}<td>{right}"


def written(draft: Draft, lang: Language) -> str:
    """The contract as Markdown in one language, with the digest that is signed."""
    return f"{text.markdown(draft, lang)}\nSHA-256 {text.content(draft)}\n"


def attached(draft: Draft, attachments: tuple[Attachment, ...]) -> Draft:
    """The same contract with these attachments; none given: those signed so far."""
    return replace(draft, attachments=attachments) if attachments else draft


def sublease_terms(
    head: str,
    of: Lease,
    *,
    lessee: str,
    from_ms: int,
    to_ms: int,
    sign_by_ms: int,
    tariff: tuple[str, str, int],
) -> LeaseTerms:
    """Terms of a sublease as the head lease has them, without its money: that is agreed anew."""
    owner, name, version = tariff
    return replace(
        of.terms,
        lessor=of.terms.lessee,
        lessee=lessee,
        from_ms=from_ms,
        to_ms=to_ms,
        sign_by_ms=sign_by_ms,
        tariff_owner=owner,
        tariff=name,
        tariff_version=version,
        head=head,
        security_deposit_minor=0,
        prepayment_minor=0,
        earnest_minor=0,
        expected_minor=0,
        extension_ms=0,
    )


def transfer_terms(of: Lease, *, lessee: str, from_ms: int, sign_by_ms: int) -> LeaseTerms:
    """Terms for who takes the rest of a lease over: the same, from another time on."""
    return replace(of.terms, lessee=lessee, from_ms=from_ms, to_ms=of.end_ms, sign_by_ms=sign_by_ms)
