"""What can go wrong between a client and a node, and what to do about it."""

from hansa.kernel.refusal import Refusal


class Unreachable(Refusal, code="client.unreachable", field="url"):
    zh = "连不上节点 {url}：{cause}。请检查地址、网络，以及节点是否在运行。"
    en = "The node {url} cannot be reached: {cause}. Check the address, the network, and that the node runs."


class TimedOut(Refusal, code="client.timed_out", field="url"):
    zh = "节点 {url} 在 {seconds} 秒内没有答复。请稍后再试；已签名的交易可原样重发，不会重复生效。"
    en = (
        "The node {url} did not answer within {seconds} s. Try again later: what was signed can be sent "
        "again as it is and takes effect once."
    )


class TlsFailed(Refusal, code="client.tls", field="url"):
    zh = (
        "无法确认节点 {url} 的证书：{cause}。请用 ca 指定签发它的证书文件，或检查地址与本机时钟。"
        "中间的代理或防火墙若拆解 TLS，也会如此：请让该地址直通。"
    )
    en = (
        "The certificate of {url} cannot be confirmed: {cause}. Name the file of the authority that issued "
        "it (ca), or check the address and this machine's clock. A proxy or firewall between that opens TLS "
        "shows a certificate of its own: have it let this address through."
    )


class CaUnusable(Refusal, code="client.ca_unusable", field="ca"):
    zh = "证书文件 {path} 无法使用：{cause}。请给出 PEM 格式的 CA 证书文件。"
    en = "The certificate file {path} cannot be used: {cause}. Name a file of CA certificates in PEM."


class UrlUnusable(Refusal, code="client.url_unusable", field="url"):
    zh = "{url} 不是节点地址。请写成 https://主机:端口 的形式。"
    en = "{url} is no address of a node. Write https://host:port."


class AnswerUnusable(Refusal, code="client.answer_unusable", field="url"):
    zh = "{url} 的答复不符合汉萨接口：{detail}。请检查地址与中间的代理，或升级程序。"
    en = (
        "The answer of {url} is not one of Hansa's API: {detail}. Check the address and proxies between, or "
        "upgrade."
    )


class Busy(Refusal, code="client.busy", field="url"):
    zh = "节点 {url} 正忙，请 {seconds} 秒后再试。已签名的交易可原样重发。"
    en = "The node {url} is busy; try again in {seconds} s. What was signed can be sent again as it is."


class NodeRefused(Refusal, code="client.node_refused", field="node"):
    """A node's own refusal, of a code that this program does not know: it keeps the node's code and texts."""

    zh = "节点拒绝：{text_zh}"
    en = "The node refused: {text_en}"


class SessionNeeded(Refusal, code="client.session_needed", field="key"):
    zh = "读取此内容须先登录，但没有可用的密钥。请选用带密钥的配置（hansa profile）。"
    en = "Reading this needs a session, and there is no key to open one. Use a profile that has a key."


class PlainSession(Refusal, code="client.plain_session", field="url"):
    zh = "{url} 未加密，登录口令会被旁人读到。请改用 https，或在配置中写明允许明文（allow_plain）。"
    en = (
        "{url} is not encrypted, so others could read the session's token. Use https, or allow it in the "
        "profile (allow_plain)."
    )


class OtherNode(Refusal, code="client.other_node", field="url"):
    zh = "{url} 自称是 {node} 的节点，应为 {expected} 的节点；未登录。请核对地址，或改正配置中节点的单位。"
    en = (
        "{url} says that it is the node of {node}, but it should be that of {expected}: no session opened. "
        "Check the address, or correct the node's member in the profile."
    )


class OtherChain(Refusal, code="client.other_chain", field="chain"):
    zh = "节点 {url} 属于另一个联盟（链 {found}…），不是本配置的 {expected}…。请检查地址。"
    en = (
        "The node {url} belongs to another consortium (chain {found}…), not to that of this profile "
        "({expected}…). Check the address."
    )


class GenesisUnusable(Refusal, code="client.genesis_unusable", field="genesis"):
    zh = "创世文件无法使用：{detail}。请向联盟索取原件。"
    en = "The genesis file cannot be used: {detail}. Ask the consortium for the original."
