"""What is wrong in a node.toml, with the line and what the setting may be."""

from hansa.node.errors import SettingsWrong


class SettingsSyntax(SettingsWrong, code="node.settings_syntax", field="node.toml"):
    zh = (
        "设置文件 {path} 第 {line} 行“{text}”不是有效的 TOML（{detail}）。常见原因：文字没有加引号、括号"
        "没有配对，或同一设置写了两次。"
    )
    en = (
        "Line {line} of {path}, `{text}`, is no valid TOML ({detail}). Often a text lacks its quotes, a "
        "bracket its pair, or one setting stands there twice."
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


class TlsHalf(SettingsWrong, code="node.tls_half", field="node.toml"):
    zh = "设置文件 {path} 中 tls_certificate 与 tls_key 只有一个。两者须同时设置（证书与私钥），或都不设置。"
    en = (
        "{path} sets only one of tls_certificate and tls_key. Set both (the certificate and its private "
        "key), "
        "or neither."
    )
