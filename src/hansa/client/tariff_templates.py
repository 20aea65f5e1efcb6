"""Tariff sheets to begin with: each a file that `hansa tariff new` copies, to be edited and checked."""

import json
from dataclasses import dataclass
from pathlib import Path

from hansa.apps import billing
from hansa.client.texts import Text
from hansa.kernel.refusal import Refusal

FOLDER = Path(billing.__path__[0]) / "templates"
SUFFIX = ".json"


class TemplateUnknown(Refusal, code="tariff.template_unknown", field="name"):
    zh = "没有名为 {name!r} 的资费模板。可用的有：{known}。"
    en = "There is no tariff template {name!r}. There are: {known}."


class FileThere(Refusal, code="tariff.file_there", field="file"):
    zh = "{file} 已经存在，未作改动。请换一个文件名，或先移走它。"
    en = "{file} is there already and was left as it is. Choose another name, or move it away first."


class FileUnwritable(Refusal, code="tariff.file_unwritable", field="file"):
    zh = "无法写入 {file}：{detail}。请检查目录与权限。"
    en = "{file} cannot be written: {detail}. Check the folder and its permissions."


@dataclass(frozen=True)
class Template:
    """A sheet as it is shipped."""

    name: str
    title: Text
    kinds: tuple[str, ...]
    """Kinds of its elements, each once."""
    data: bytes


def templates() -> list[Template]:
    """All of them, by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*" + SUFFIX))]


def template(name: str) -> Template:
    """Raises TemplateUnknown."""
    known = {found.name: found for found in templates()}
    if name not in known:
        raise TemplateUnknown(name=name, known=", ".join(known))
    return known[name]


def _read(path: Path) -> Template:
    data = path.read_bytes()
    sheet = json.loads(data)
    kinds = dict.fromkeys(element["kind"] for element in sheet["elements"])
    title = Text(sheet["about"]["zh"], sheet["about"]["en"])
    return Template(path.name.removesuffix(SUFFIX), title, tuple(kinds), data)
