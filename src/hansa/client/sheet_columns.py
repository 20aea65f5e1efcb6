"""Columns of the sheets of machines, with their heads in two languages and an example each."""

from collections.abc import Mapping
from dataclasses import dataclass

from hansa.client.sheet_values import WANTED, Kind
from hansa.client.texts import Language, Text


@dataclass(frozen=True)
class Head:
    """A column: its name, its Chinese head, what its cells mean, whether each row needs it."""

    name: str
    zh: str
    kind: Kind
    required: bool = False

    @property
    def text(self) -> Text:
        """As a refusal names it."""
        return Text(f"{self.zh} {self.name}", self.name)

    def title(self, lang: Language) -> str:
        return f"{self.zh} {self.name}" if lang == "zh" else self.name

    def names(self) -> tuple[str, ...]:
        """Heads under which the column is known."""
        return (self.name, self.zh.lower(), f"{self.zh} {self.name}".lower())


MACHINES = (
    Head("asset", "设备编号", "id", True),
    Head("name_zh", "设备名称", "name", True),
    Head("name_en", "英文名称", "name"),
    Head("place_zh", "所在地", "name", True),
    Head("place_en", "所在地英文", "name"),
    Head("latitude", "纬度", "degrees", True),
    Head("longitude", "经度", "degrees", True),
    Head("region", "地区代码", "id", True),
    Head("feeds", "计量点", "ids"),
    Head("checklist", "交接检查项", "ids"),
)
CAPABILITIES = (
    Head("asset", "设备编号", "id", True),
    Head("process", "工艺", "id", True),
    Head("materials", "材料", "ids", True),
    Head("min_x", "最小长mm", "mm"),
    Head("min_y", "最小宽mm", "mm"),
    Head("min_z", "最小高mm", "mm"),
    Head("max_x", "最大长mm", "mm", True),
    Head("max_y", "最大宽mm", "mm", True),
    Head("max_z", "最大高mm", "mm", True),
    Head("tolerance", "公差mm", "tolerance", True),
    Head("rate_per_hour", "每小时产能", "count", True),
    Head("unit", "单位", "unit"),
    Head("crew", "是否带人", "crew"),
    Head("changeover", "换型分钟", "minutes"),
)
WINDOWS = (
    Head("offer", "报盘编号", "id", True),
    Head("asset", "设备编号", "id", True),
    Head("from", "开始", "time", True),
    Head("to", "结束", "time", True),
    Head("zone", "时区", "zone"),
    Head("notice", "提前通知天数", "days", True),
    Head("smallest", "最短天数", "days"),
    Head("largest", "最长天数", "days"),
    Head("tariff", "资费编号", "id", True),
    Head("tariff_version", "资费版本", "count", True),
    Head("tariff_owner", "资费发布方", "id"),
    Head("nature", "租约性质", "nature"),
    Head("crew", "是否带人", "crew"),
    Head("currency", "币种", "currency"),
    Head("deposit", "保证金", "money"),
    Head("prepayment", "预付款", "money"),
    Head("earnest", "定金", "money"),
    Head("reserve", "底价", "price"),
    Head("reserve_per", "底价单位", "per"),
)
COLUMNS: Mapping[str, tuple[Head, ...]] = {
    "machines": MACHINES,
    "capabilities": CAPABILITIES,
    "windows": WINDOWS,
}


def head_of(sheet: str, name: str) -> Text:
    """A column as a refusal names it."""
    return next(head.text for head in COLUMNS[sheet] if head.name == name)


EXAMPLES: Mapping[str, Mapping[str, str | int | float]] = {
    "machines": {
        "asset": "press-1",
        "name_zh": "五轴加工中心",
        "name_en": "Five-axis centre",
        "place_zh": "昆山一厂",
        "place_en": "Kunshan works",
        "latitude": 31.38,
        "longitude": 120.98,
        "region": "cn-32",
        "checklist": "spindle; coolant",
    },
    "capabilities": {
        "asset": "press-1",
        "process": "milling",
        "materials": "steel; aluminium",
        "min_x": 10,
        "min_y": 5,
        "min_z": 5,
        "max_x": 800,
        "max_y": 500,
        "max_z": 300,
        "tolerance": 0.02,
        "rate_per_hour": 40,
        "unit": "piece",
        "crew": "either",
        "changeover": 120,
    },
    "windows": {
        "offer": "press-1-2027-03",
        "asset": "press-1",
        "from": "2027-03-01 08:00",
        "to": "2027-03-28 20:00",
        "zone": "Asia/Shanghai",
        "notice": 2,
        "smallest": 1,
        "largest": 14,
        "tariff": "per-piece",
        "tariff_version": 1,
        "nature": "operating",
        "crew": "either",
        "currency": "CNY",
        "deposit": 5000,
        "reserve": 2.8,
        "reserve_per": "piece",
    },
}
"""One row of each sheet, as the template shows it."""
NOTES = (
    Text("设备与闲置时段登记表", "Machines and their idle time"),
    Text(
        "machines：每台设备一行；capabilities：每项能力一行；windows：每个闲置时段一行。粗体列必填。",
        "machines: a row for each machine; capabilities: for each thing it can do; windows: for each idle "
        "time. Heads in bold are needed.",
    ),
    Text(
        "每张表第 2 行是示例，导入前请改写；原样保留的示例不会导入。不要使用公式和合并单元格。",
        "Row 2 of each sheet is an example: overwrite it; left as it is, it is not imported. Use no "
        "formulas and no merged cells.",
    ),
    Text(
        "底价只保存在本单位的配置目录中，不会发送给任何人。",
        "Reserve prices are kept in your own profile and sent to nobody.",
    ),
    Text(
        "导入：hansa asset import 文件名 --dry-run，核对后去掉 --dry-run。",
        "To import: hansa asset import FILE --dry-run; then without --dry-run.",
    ),
    *(
        Text(f"{sheet}.{head.name}（{head.zh}）：{wanted.zh}", f"{sheet}.{head.name}: {wanted.en}")
        for sheet, heads in COLUMNS.items()
        for head in heads
        for wanted in (WANTED[head.kind],)
    ),
)
