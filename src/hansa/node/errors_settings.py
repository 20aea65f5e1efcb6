"""What is wrong in a node.toml, with the line and what the setting may be."""

from hansa.node.errors import SettingsWrong


class SettingsSyntax(SettingsWrong, code="node.settings_syntax", field="node.toml"):
    zh = (
        "设置文件 {path} 第 {line} 行“{text}”不是有效的 TOML（{detail}）。常见原因：文字没有加引号，或括号"
        "没有配对。"
    )
    en = (
        "Line {line} of {path}, `{text}`, is no valid TOML ({detail}). Often a text lacks its quotes, or a "
        "bracket its pair."
    )


class SettingUnknown(SettingsWrong, code="node.setting_unknown", field="node.toml"):
    zh = "设置文件 {path} 第 {line} 行：没有名为 {key} 的设置。可用：{known}。请改正或删去这一行。"
    en = (
        "Line {line} of {path}: there is no setting {key}. There is: {known}. Correct the line or take it "
        "out."
    )


class SettingMissing(SettingsWrong, code="node.setting_missing", field="node.toml"):
    zh = "设置文件 {path} 缺少必需的设置 {key}。请补上。"
    en = "The settings file {path} lacks {key}, which it must have. Add it."


class SettingWrong(SettingsWrong, code="node.setting_wrong", field="node.toml"):
    zh = "设置文件 {path} 第 {line} 行：{key} 的值不对，应为{wanted_zh}。请改正。"
    en = "Line {line} of {path}: the value of {key} is wrong; it must be {wanted_en}. Correct it."
