"""One word for one thing: Chinese terms that were given up do not come back. The terms: docs/glossary.md."""

from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT
from tests.docs.test_links import markdown_files

RETIRED = {
    "跟随节点": "从节点 (follower)",
    "确认书": "回执 (acknowledgement)",
    "散列": "哈希 (hash)",
    "起事件": "起异常 (incident; an event is 事件)",
    "事件通知": "异常通知 (incident; an event is 事件)",
    "挂起": "搁置待批 (held)",
    "被盗者": "盗用者 (thief of a key)",
    "持有人": "持钥人 (holder of a key), 所有方 (owner of a device or its readings)",
    "所有者": "所有方 (owner)",
    "化名": "代号 (pseudonym of a holder)",
    "业主": "所有方 (owner)",
    "指纹": "哈希 (hash)",
    "报文体": "正文 (body of a transaction)",
    "运营节点": "运营方节点 (the operator's node)",
    "法定数": "法定会签数 (quorum)",
}
GENERATED = ROOT / "docs" / "reference"


def written() -> Iterator[Path]:
    """What people read and write: pages, texts of the program, catalogues of the report."""
    yield from (page for page in markdown_files() if GENERATED not in page.parents)
    for folder, ends in (("src", (".py", ".json")), ("examples", (".py", ".toml"))):
        yield from (path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in ends)


def old_words(text: str) -> list[str]:
    return [f"{word}: write {now}" for word, now in RETIRED.items() if word in text]


def test_words_that_were_given_up_do_not_come_back() -> None:
    files = list(written())
    assert len(files) > 100
    found = {str(path.relative_to(ROOT)): old_words(path.read_text("utf-8")) for path in files}
    assert {name: words for name, words in found.items() if words} == {}


def test_an_old_word_is_found() -> None:
    assert old_words("跟随节点会签") == ["跟随节点: write 从节点 (follower)"]
