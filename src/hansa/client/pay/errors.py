"""What can be wrong with accounts, payment files and bank statements. Read by bank clerks and accountants."""

from hansa.kernel.refusal import Refusal


class LibraryMissing(Refusal, code="pay.library_missing", field="install"):
    zh = "缺少程序库 {module}。请安装业务扩展：pip install 'hansa[business]'。"
    en = "The library {module} is not installed. Install the business extra: pip install 'hansa[business]'."


class FileUnreadable(Refusal, code="pay.file_unreadable", field="file"):
    zh = "文件 {file} 无法读取：{cause_zh}。请检查文件名与权限，或向银行重新下载。"
    en = "The file {file} cannot be read: {cause_en}. Check its name and rights, or fetch it again."


class FileTooLarge(Refusal, code="pay.file_too_large", field="file"):
    zh = "文件 {file} 超过 {limit} 字节。请按较短的期间分次下载。"
    en = "The file {file} is larger than {limit} bytes. Fetch shorter periods, one at a time."


class TooManyLines(Refusal, code="pay.too_many_lines", field="file"):
    zh = "文件 {file} 的流水超过 {limit} 笔。请按较短的期间分次下载。"
    en = "The file {file} has more than {limit} lines. Fetch shorter periods, one at a time."


class WrongEncoding(Refusal, code="pay.wrong_encoding", field="encoding"):
    zh = "文件 {file} 第 {line} 行不是 {encoding} 编码。请在对应文件中写明编码（{known}）。"
    en = "Line {line} of {file} is not in {encoding}. State its encoding in the mapping ({known})."


class FileTruncated(Refusal, code="pay.file_truncated", field="file"):
    zh = "文件 {file} 在第 {line} 行中断：{cause_zh}。一笔未读入；请向银行重新下载。"
    en = "The file {file} breaks off at line {line}: {cause_en}. Nothing was taken in; fetch it again."


class BalanceBreaks(Refusal, code="pay.balance_breaks", field="file"):
    zh = "文件 {file}（{where}）的余额与流水对不上，差 {difference}：可能缺行。一笔未读入；请向银行重新下载。"
    en = (
        "In {file} ({where}) balances and movements differ by {difference}: something is missing. Nothing "
        "was taken in; fetch it again."
    )


class ColumnMissing(Refusal, code="pay.column_missing", field="columns"):
    zh = "文件 {file} 的表头中没有“{column}”列。表头为：{heads}。请修改对应文件。"
    en = "The head of {file} has no column “{column}”. It has: {heads}. Correct the mapping."


class FieldInvalid(Refusal, code="pay.field_invalid", field="line"):
    zh = "文件 {file} 第 {line} 行的“{column}”无法识别：{value}（{rule_zh}）。一笔未读入。"
    en = "In line {line} of {file}, “{column}” cannot be read: {value} ({rule_en}). Nothing was taken in."


class MappingInvalid(Refusal, code="pay.mapping_invalid", field="mapping"):
    zh = "对应文件 {file} 不可用：{detail}。键及含义见 docs/reference/bank-mapping.toml。"
    en = "The mapping {file} cannot be used: {detail}. docs/reference/bank-mapping.toml has every key."


class MappingMissing(Refusal, code="pay.mapping_missing", field="mapping"):
    zh = (
        "文件 {file} 是 CSV，须以 --mapping 说明各列含义。hansa pay mapping {file} > bank.toml 可按表头生成，"
        "请核对后使用。"
    )
    en = (
        "{file} is CSV: --mapping says what its columns mean. `hansa pay mapping {file} > bank.toml` makes "
        "one from its heads; look through it, then use it."
    )


class HeadUnknown(Refusal, code="pay.head_unknown", field="file"):
    zh = (
        "文件 {file} 中找不到含日期与金额的表头。首行为：{first}。请照 docs/reference/bank-mapping.toml 手写"
        "对应文件。"
    )
    en = (
        "No line of {file} looks like a head with a date and an amount. It begins: {first}. Write the "
        "mapping by hand, like docs/reference/bank-mapping.toml."
    )


class XmlRefused(Refusal, code="pay.xml_refused", field="file"):
    zh = "文件 {file} 不予读取：XML 中不得有文档类型声明、实体或外部引用。请向银行索取正常文件。"
    en = (
        "The file {file} is not read: XML from a bank has no document type, entities or outside "
        "references. Ask the bank for a proper file."
    )


class MessageUnknown(Refusal, code="pay.message_unknown", field="file"):
    zh = "文件 {file} 的命名空间是 {namespace}，不是 camt.052 或 camt.053。请下载账户流水或对账单。"
    en = "The file {file} is of {namespace}, not camt.052 or camt.053. Fetch an account report or statement."


class MessageInvalid(Refusal, code="pay.message_invalid", field="file"):
    zh = "文件 {file} 不符合 {message}：{detail}。一笔未读入；请向银行询问。"
    en = "The file {file} does not follow {message}: {detail}. Nothing was taken in; ask the bank."


class AmountInvalid(Refusal, code="pay.amount_invalid", field="amount"):
    zh = "{where} 的金额 {value} 不可用：须为正数，{currency} 最多 {places} 位小数，不超过 {limit}。"
    en = (
        "The amount {value} in {where} cannot be used: it must be above zero, with at most {places} "
        "decimals for {currency}, and not above {limit}."
    )


class AccountsInvalid(Refusal, code="pay.accounts_invalid", field="accounts"):
    zh = "账户文件 {file} 不可用：{detail}。"
    en = "The file of accounts {file} cannot be used: {detail}."


class AccountMissing(Refusal, code="pay.account_missing", field="accounts"):
    zh = "账户文件中没有 {member} 的 {currency} 账户。请补充后再导出。"
    en = "The file of accounts has no account of {member} for {currency}. Add it, then export."


class AccountForm(Refusal, code="pay.account_form", field="account"):
    zh = "{member} 的账户须写明 iban，或 number（账号）与 cnaps（12 位联行号），二者取一。"
    en = "An account of {member} has an iban, or a number with its cnaps (12 digits): one of the two."


class IbanInvalid(Refusal, code="pay.iban_invalid", field="iban"):
    zh = "{member} 的 IBAN {iban} 校验位或格式不对。请向收款人核对。"
    en = "The IBAN {iban} of {member} has a wrong check digit or form. Ask the payee."


class CnapsInvalid(Refusal, code="pay.cnaps_invalid", field="cnaps"):
    zh = "{member} 的联行号 {cnaps} 不对：须为 12 位数字且校验位正确。请向开户行核对。"
    en = "The bank number {cnaps} of {member} is wrong: 12 digits with a right check digit. Ask its bank."


class NumberInvalid(Refusal, code="pay.number_invalid", field="number"):
    zh = "{member} 的账号 {number} 不对：须为 5 至 34 位数字，可含短横线。"
    en = "The account number {number} of {member} is wrong: 5 to 34 digits, hyphens allowed."


class BicInvalid(Refusal, code="pay.bic_invalid", field="bic"):
    zh = "{member} 的 BIC {bic} 格式不对（8 或 11 位）。"
    en = "The BIC {bic} of {member} has a wrong form (8 or 11 characters)."


class NothingToPay(Refusal, code="pay.nothing_to_pay", field="obligations"):
    zh = "所选应付项没有可付金额：已付清、有争议或不在外部结算方式下。"
    en = "Nothing is to be paid of what was chosen: it is paid, disputed, or not settled by bank transfer."


class NotOwed(Refusal, code="pay.not_owed", field="obligations"):
    zh = "{obligation} 不是 {member} 的未付应付项。请用 hansa pay export --list 查看。"
    en = "{obligation} is no open obligation of {member}. See hansa pay export --list."


class ReferenceInvalid(Refusal, code="pay.reference_invalid", field="reference"):
    zh = "{obligation} 的付款附言号 {reference} 校验位不对，不予付款。"
    en = "The payment reference {reference} of {obligation} has wrong check digits; it is not paid."


class SchemaRefused(Refusal, code="pay.schema_refused", field="version"):
    zh = "付款文件不符合 {message}：{detail}。"
    en = "The payment file would not follow {message}: {detail}."


class VersionUnknown(Refusal, code="pay.version_unknown", field="version"):
    zh = "没有 {message} 版本 {version}。可用：{known}。"
    en = "There is no version {version} of {message}. Known: {known}."
