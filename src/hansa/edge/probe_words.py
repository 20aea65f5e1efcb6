"""Words by which logs name their signals, in English, German and Chinese; and what states are called."""

import re

_WORDS = {
    "scrap": r"scrap|reject|n\.?ok\b|nio\b|\bng\b|bad|defect|ausschuss|schlecht|不良|不合格|废品|次品",
    "good": r"good|gut|\bi\.?o\b|ok\b|yield|合格|良品|正品",
    "pieces": r"part.?count|piece|count|cnt|stück|stueck|\bstk|teile|zähler|zaehler|produced|output"
    r"|产量|生产数|生産|计数|件数|产出|数量|个数|产品数",
    "energy": r"energ|[kmg]?wh\b|verbrauch|usage|consum|wirkarbeit|电量|能耗|电能|用电|耗电|度数",
    "power": r"power|leistung|\b[km]?w\b|watt|功率",
    "duration": r"time|hours?\b|zeit|stunden|\bstd\b|seconds?|时间|时长|小时|工时",
    "gas": r"\bgas|erdgas|燃气|天然气|用气",
    "water": r"water|wasser|用水|水量|水表",
    "state": r"stat(e|us)|execution|mode\b|zustand|betriebsart|modus|状态|状態|模式|运行情况",
    "mode": r"mode\b|modus|betriebsart|模式",
    "kind": r"type|\btyp\b|class|category|klasse|类型|类别|时段|班次|shift|schicht",
    "device": r"^(device|machine|maschine|anlage|asset|equipment)( ?(id|name|no|nr|number|code))?$"
    r"|^(设备|机台|机床)(编号|号|名称|编码)?$",
    "availability": r"^avail|availability|verfügbar|在线|可用",
    "product": r"product|produkt|article|artikel|\bsku\b|program|auftrag|order"
    r"|产品|品名|品号|物料|工单|型号|程序",
    "time": r"time|date|datum|zeit|uhrzeit|stamp|时间|日期|时刻",
    "item": r"^(item|name|tag|signal|variable|data.?item|point|key|metric|messstelle|kanal)"
    r"|测点|变量|参数|信号|名称",
    "value": r"^(value|val|wert|messwert|reading)|值|数值|读数",
    "interval_end": r"\bend|bis\b|结束|止",
}
_PATTERNS = {name: re.compile(words, re.IGNORECASE) for name, words in _WORDS.items()}
_NO_QUANTITY = re.compile(
    r"factor|faktor|因数|reactive|blind|无功|var\b|kvarh|overr?id|ovr|倍率|temp|温度|speed|rpm|转速|rate|velocity"
    r"|number|nummer|编号|序号|line|block|angle|\bpos\b|position|load\b|负载",
    re.IGNORECASE,
)
CALENDAR = re.compile(
    r"(mon|tues|wednes|thurs|fri|satur|sun)day|week(day|end)"
    r"|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|(星期|周)[一二三四五六日天]|工作日|周末|节假日",
    re.IGNORECASE,
)
"""Words of the calendar: no state of a machine."""

_UNITS = (
    (r"mwh", "MWh"),
    (r"kwh|千瓦时|度", "kWh"),
    (r"(?<![a-z])wh(?![a-z])", "Wh"),
    (r"(?<![a-z])mw(?![a-z])", "MW"),
    (r"(?<![a-z])kw(?![a-z])|千瓦", "kW"),
    (r"(?<![a-z])w(?![a-z])|watt|瓦", "W"),
    (r"milliseconds?|(?<![a-z])ms(?![a-z])|毫秒", "ms"),
    (r"minutes?|(?<![a-z])min(?![a-z])|分钟", "min"),
    (r"seconds?|(?<![a-z])s(ec)?(?![a-z])|秒|sekunden", "s"),
    (r"hours?|(?<![a-z])h(rs?)?(?![a-z])|小时|stunden|(?<![a-z])std(?![a-z])", "h"),
    (r"m3|m³|立方米", "m3"),
    (r"(?<![a-z])kg(?![a-z])|公斤|千克", "kg"),
)
_UNIT_PATTERNS = tuple((re.compile(words, re.IGNORECASE), unit) for words, unit in _UNITS)

STATE_NAMES = {
    "运行": "ACTIVE",
    "加工": "ACTIVE",
    "生产": "ACTIVE",
    "自动运行": "ACTIVE",
    "加工中": "ACTIVE",
    "运行中": "ACTIVE",
    "待机": "READY",
    "空闲": "READY",
    "等待": "READY",
    "就绪": "READY",
    "停机": "STOPPED",
    "停止": "STOPPED",
    "故障": "FAULT",
    "报警": "ALARM",
    "急停": "EMERGENCY_STOP",
    "关机": "OFF",
    "暂停": "INTERRUPTED",
    "调试": "SETUP",
    "换型": "SETUP",
    "换模": "SETUP",
    "维修": "MAINTENANCE",
    "保养": "MAINTENANCE",
    "离线": "unknown",
    "未知": "unknown",
    "手动": "MANUAL",
    "自动": "AUTOMATIC",
    "läuft": "ACTIVE",
    "produktion": "ACTIVE",
    "lauf": "ACTIVE",
    "betrieb": "ACTIVE",
    "bereit": "READY",
    "stillstand": "STOPPED",
    "gestoppt": "STOPPED",
    "störung": "FAULT",
    "rüsten": "SETUP",
    "pause": "INTERRUPTED",
    "wartung": "MAINTENANCE",
    "aus": "OFF",
    "ein": "ON",
    "unbekannt": "unknown",
}
"""States in Chinese and German → the names that tariffs use. Other words keep their own letters."""

STATE_VOCABULARY = {
    *(name.casefold() for name in STATE_NAMES),
    *(
        "active",
        "ready",
        "stopped",
        "interrupted",
        "feed_hold",
        "running",
        "run",
        "idle",
        "stop",
        "off",
        "down",
    ),
    *("setup", "alarm", "fault", "error", "standby", "busy", "producing", "waiting", "program_stopped"),
}

FEED_NAMES = (
    ("开机时间", "power_on_time"),
    ("运行时间", "run_time"),
    ("切削时间", "cutting_time"),
    ("加工时间", "run_time"),
    ("合格", "good"),
    ("良品", "good"),
    ("产量", "pieces"),
    ("计数", "pieces"),
    ("件数", "pieces"),
    ("产出", "pieces"),
    ("数量", "pieces"),
    ("状态", "state"),
    ("模式", "mode"),
    ("功率", "power"),
    ("电量", "energy"),
    ("能耗", "energy"),
    ("电能", "energy"),
    ("用电", "energy"),
    ("用水", "water"),
    ("燃气", "gas"),
    ("用气", "gas"),
)


def says(name: str, what: str) -> bool:
    """Whether a column or item name suggests that. CamelCase and _ part words."""
    return bool(_PATTERNS[what].search(parted(name)))


def no_quantity(name: str) -> bool:
    """Names of settings, ratios and momentary values that only look like meters."""
    return bool(_NO_QUANTITY.search(parted(name)))


def parted(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ")


def unit_in(name: str, allowed: tuple[str, ...]) -> str:
    """A unit that the name holds, of those allowed; empty for none."""
    text = name.replace("_", " ")
    return next((unit for pattern, unit in _UNIT_PATTERNS if unit in allowed and pattern.search(text)), "")


def feed_name(name: str, kind: str, taken: set[str]) -> str:
    """A feed name out of a column or item name: lower-case letters, digits, _ and -; not yet taken."""
    if says(name, "scrap"):
        base = "scrap"
    else:
        base = next((feed for word, feed in FEED_NAMES if word in name), "")
    plain = re.sub(r"[(（\[].*", "", name)
    base = base or re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:48] or kind
    number = 2
    found = base
    while found in taken:
        found, number = f"{base}_{number}", number + 1
    taken.add(found)
    return found
