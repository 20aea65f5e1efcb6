"""Every "no" of the node itself, with the HTTP status it goes out under. Texts say what to do."""

from typing import ClassVar

from hansa.kernel.refusal import Refusal


class NodeRefusal(Refusal):
    """A refusal that belongs to HTTP: it knows its status."""

    status: ClassVar[int] = 400


# Requests.


class RouteUnknown(NodeRefusal, code="node.route_unknown", field="path"):
    status = 404
    zh = "没有路径 {path}。请对照 /v1/openapi.json 检查。"
    en = "There is no path {path}. Check it against /v1/openapi.json."


class MethodWrong(NodeRefusal, code="node.method_wrong", field="method"):
    status = 405
    zh = "该路径不接受方法 {method}，只接受 {allowed}。"
    en = "This path does not take {method}, only {allowed}."


class HostWrong(NodeRefusal, code="node.host_wrong", field="host"):
    status = 421
    zh = "本节点不以 {host} 为名。请使用其地址；经由代理时，请在 node.toml 的 hosts 中列出该名称。"
    en = "This node does not go by {host}. Use its address; behind a proxy, add the name to hosts."


class RequestMalformed(NodeRefusal, code="node.request_malformed", field="request"):
    zh = "请求不是有效的 HTTP/1.1 报文。请检查客户端，并确认端口的协议（http 或 https）。"
    en = "The request is not valid HTTP/1.1. Check the client, and whether the port speaks http or https."


class HeadersTooLarge(NodeRefusal, code="node.headers_too_large", field="headers"):
    status = 431
    zh = "请求行与请求头合计超过 {limit} 字节。请缩短。"
    en = "Request line and headers together have more than {limit} bytes. Shorten them."


class ContentTypeWrong(NodeRefusal, code="node.content_type_wrong", field="content-type"):
    status = 415
    zh = "请求体类型为 {given}，该路径只接受 {wanted}。请设置 Content-Type。"
    en = "The body is declared as {given}; this path takes {wanted} only. Set Content-Type."


class BodyTooLarge(NodeRefusal, code="node.body_too_large", field="body"):
    status = 413
    zh = "请求体超过 {limit} 字节。请分几次发送。"
    en = "The body has more than {limit} bytes. Send it in several requests."


class BodySlow(NodeRefusal, code="node.body_slow", field="body"):
    status = 408
    zh = "请求体在 {limit_s} 秒内没有传完。请检查网络后重新发送相同的字节。"
    en = "The body was not whole within {limit_s} s. Check the network and send the same bytes again."


class BodyMalformed(NodeRefusal, code="node.body_malformed", field="body"):
    zh = "请求体无法解码：{detail}。请对照 /v1/openapi.json 改正。"
    en = "The body cannot be decoded: {detail}. Correct it by /v1/openapi.json."


class SequenceBroken(NodeRefusal, code="node.sequence_broken", field="body"):
    zh = "请求体不是交易序列：{detail}。格式为：零字节，然后每笔交易为 4 字节大端长度加交易本身。"
    en = (
        "The body is no sequence of transactions: {detail}. It is a zero byte, then for each transaction "
        "its length in 4 bytes, big-endian, and its bytes."
    )


class TransactionsTooMany(NodeRefusal, code="node.transactions_too_many", field="body"):
    status = 413
    zh = "一次请求最多含 {limit} 笔交易。请分几次发送。"
    en = "A request holds at most {limit} transactions. Send them in several requests."


class ParameterWrong(NodeRefusal, code="node.parameter_wrong", field="parameter"):
    zh = "参数 {name} 不对：{detail}。请对照 /v1/openapi.json 改正。"
    en = "Parameter {name} is wrong: {detail}. Correct it by /v1/openapi.json."


# Load.


class QueueFull(NodeRefusal, code="node.queue_full", field="node"):
    status = 429
    zh = "等待处理的交易已满。请在 {retry_s} 秒后重新发送相同的字节。"
    en = "As many transactions wait as may. Send the same bytes again in {retry_s} s."


class ConnectionsFull(NodeRefusal, code="node.connections_full", field="node"):
    status = 429
    zh = (
        "本节点的连接已满，或来自您的网络地址的连接已达 {limit} 个。请关闭不用的连接，{retry_s} 秒后重试；"
        "经由代理时，请运营方调大 connections_per_address。"
    )
    en = (
        "The node has as many connections as it may, or {limit} from your address. Close those not in use "
        "and try again in {retry_s} s; behind a proxy, ask the operator for more connections_per_address."
    )


class MemberBusy(NodeRefusal, code="node.member_busy", field="member"):
    status = 429
    zh = "成员单位 {member} 等待处理的交易已达 {limit} 笔。请在 {retry_s} 秒后重新发送相同的字节。"
    en = "{limit} transactions of member {member} wait already. Send the same bytes again in {retry_s} s."


class KeyBusy(NodeRefusal, code="node.key_busy", field="key"):
    status = 429
    zh = "密钥 {member}/{key} 等待处理的交易已达 {limit} 笔。请在 {retry_s} 秒后重新发送相同的字节。"
    en = "{limit} transactions of key {member}/{key} wait already. Send the same bytes again in {retry_s} s."


class AddressBusy(NodeRefusal, code="node.address_busy", field="node"):
    status = 429
    zh = (
        "来自您的网络地址（或各个尚未证实过签名的地址）、签名尚未核验或无效的交易，等待数已达 {limit} 笔"
        "或 {limit_bytes} 字节。请在 {retry_s} 秒后重新发送相同的字节；单笔小交易可能更早通过。"
    )
    en = (
        "{limit} transactions or {limit_bytes} bytes from your address, or from all addresses that have "
        "shown no signature yet, wait whose signatures are not checked or are wrong. Send the same bytes "
        "again in {retry_s} s; a single small transaction may pass sooner."
    )


class ReadsBusy(NodeRefusal, code="node.reads_busy", field="node"):
    status = 429
    zh = "等待回答的查询已满。请在 {retry_s} 秒后重试。"
    en = "As many reads wait as may. Ask again in {retry_s} s."


class ReadSlow(NodeRefusal, code="node.read_slow", field="query"):
    status = 503
    zh = "查询在 {limit_s} 秒内没有答完。请缩小范围，或稍后重试。"
    en = "The read was not answered within {limit_s} s. Ask for less, or ask again later."


class EventsUnreadable(NodeRefusal, code="node.events_unreadable", field="node"):
    status = 503
    zh = "节点刚才读不出事件，原因见节点日志。请在 {retry_s} 秒后带上最后一个事件的 Last-Event-ID 重新连接。"
    en = (
        "The node could not read its events just now; its log says why. Come back in {retry_s} s with the "
        "Last-Event-ID of the last event."
    )


class ListenersFull(NodeRefusal, code="node.listeners_full", field="node"):
    status = 429
    zh = "收听事件的连接已达 {limit} 个。请关闭不用的连接，{retry_s} 秒后重试。"
    en = "{limit} connections listen to events already. Close those not in use; try again in {retry_s} s."


class Stopping(NodeRefusal, code="node.stopping", field="node"):
    status = 503
    zh = "节点正在停止，不再接收交易。请在其重启后重新发送相同的字节。"
    en = "The node is stopping and takes no more transactions. Send the same bytes when it runs again."


class WriterFailed(NodeRefusal, code="node.writer_failed", field="node"):
    status = 503
    zh = "节点的写入线程因程序错误停止，运维人员已收到异常通知。请在节点重启后重新发送相同的字节。"
    en = (
        "The node's writer ended on a mistake of the program; its operator was told. Send the same bytes "
        "again when the node was restarted."
    )


class Internal(NodeRefusal, code="node.internal", field="node"):
    status = 500
    zh = "节点处理请求时程序出错，运维人员已收到异常通知。请稍后重试。"
    en = "The node failed on this request; its operator was told. Try again later."


# Sessions.


class SessionNeeded(NodeRefusal, code="node.session_needed", field="authorization"):
    status = 401
    zh = "该内容只供成员单位阅读。请先用已登记的密钥开启会话，再带上 Authorization: Bearer。"
    en = "This is for members to read. Open a session with a registered key; send Authorization: Bearer."


class SessionUnknown(NodeRefusal, code="node.session_unknown", field="authorization"):
    status = 401
    zh = "没有该会话：可能已过期、被更新的会话替换，或节点已重启。请重新开启会话。"
    en = (
        "There is no such session: it expired, newer ones took its place, or the node was restarted. "
        "Open another."
    )


class NotForYou(NodeRefusal, code="node.not_for_you", field="authorization"):
    status = 403
    zh = "该内容不供成员单位 {member} 阅读。请向有权的成员单位索取。"
    en = "This is not for member {member} to read. Ask a member who may."


class ChallengeUnknown(NodeRefusal, code="node.challenge_unknown", field="challenge"):
    status = 401
    zh = "该挑战不是本节点发出的，或节点已重启。请重新申请挑战。"
    en = "This node gave no such challenge, or was restarted since. Ask for another."


class ChallengeExpired(NodeRefusal, code="node.challenge_expired", field="challenge"):
    status = 401
    zh = "该挑战已过期（有效 {life_s} 秒）。请重新申请挑战并立即签名。"
    en = "The challenge has expired (it lives {life_s} s). Ask for another and sign it at once."


class ChallengeUsed(NodeRefusal, code="node.challenge_used", field="challenge"):
    status = 401
    zh = "该挑战已用过一次。每个挑战只能用一次，请重新申请。"
    en = "The challenge was used already; each serves once. Ask for another."


# What is asked for.


class ReceiptUnknown(NodeRefusal, code="node.receipt_unknown", field="transaction"):
    status = 404
    zh = "账本上没有交易 {transaction}…。若刚刚发送，请重新发送相同的字节。"
    en = "The ledger holds no transaction {transaction}…. If you sent it just now, send the same bytes again."


class HeightUnknown(NodeRefusal, code="node.height_unknown", field="height"):
    status = 404
    zh = "账本没有高度 {height}，目前到 {head}。请检查高度。"
    en = "The ledger has no height {height}; it stands at {head}. Check the height."


class ChainEmpty(NodeRefusal, code="node.chain_empty", field="height"):
    status = 404
    zh = "账本还没有区块。请在第一笔交易之后再试。"
    en = "The ledger has no block yet. Try again after the first transaction."


class TableUnknown(NodeRefusal, code="node.table_unknown", field="table"):
    status = 404
    zh = "没有名为 {table} 的表。请对照参考文档检查。"
    en = "There is no table {table}. Check it against the reference."


class NotHere(NodeRefusal, code="node.not_here", field="path"):
    status = 404
    zh = "本节点（{role}）不提供该功能。请改用{other}的节点。"
    en = "This node ({role}) does not do that. Ask {other} instead."


# Start.


class SettingsWrong(NodeRefusal, code="node.settings_wrong", field="node.toml"):
    zh = "设置文件 {path} 有误：{detail}。请改正。"
    en = "The settings file {path} is wrong: {detail}. Correct it."


class FileMissing(NodeRefusal, code="node.file_missing", field="path"):
    zh = (
        "没有 {path}：目录不对，或节点还没有建好、没有启动过。请检查目录；节点由 hansa init 建立，"
        "多节点网络的由 hansa network confirm 或 join 建立。"
    )
    en = (
        "There is no {path}: it is another directory, or the node was not made or never started. Check the "
        "directory; nodes are made by `hansa init`, those of a network by `hansa network confirm` or `join`."
    )


class ReadModelAway(NodeRefusal, code="node.read_model_away", field="path"):
    status = 503
    zh = "读模型（read.db）暂不可用，节点会自行重建。请 {retry_s} 秒后再试。"
    en = "The read model (read.db) is away; the node makes it anew by itself. Ask again in {retry_s} s."


class LedgerGone(NodeRefusal, code="node.ledger_gone", field="ledger.db"):
    zh = (
        "{path} 中没有账本 ledger.db，节点不会从头另起一部历史。若文件丢失：hansa restore 备份 {path}，再 "
        "hansa restore {path} --from 从节点地址（没有备份时只需后一条）。若从未写入过区块、也没有其他节点："
        "hansa restore {path} --alone。"
    )
    en = (
        "{path} holds no ledger.db, and a node begins no second history by itself. If the file was lost: "
        "hansa restore BACKUP {path}, then hansa restore {path} --from URL-of-a-follower (without a backup "
        "the second alone). If no block was ever ordered and there is no other node: hansa restore {path} "
        "--alone."
    )


class PortTaken(NodeRefusal, code="node.port_taken", field="port"):
    zh = "{host} 的端口 {port} 已被占用。请停止占用它的程序，或在 node.toml 中换一个端口。"
    en = "Port {port} of {host} is taken. Stop the program that has it, or name another in node.toml."


class AddressUnusable(NodeRefusal, code="node.address_unusable", field="host"):
    zh = "无法在 {host} 端口 {port} 上监听：{cause}。请检查 node.toml 中的 host 与 port。"
    en = "The node cannot listen on {host}, port {port}: {cause}. Check host and port in node.toml."


class ExposedPlain(NodeRefusal, code="node.exposed_plain", field="tls_certificate"):
    zh = (
        "{host} 不是本机回环地址，却没有 TLS。请在 node.toml 中设置 tls_certificate 与 tls_key，"
        "或确认在可信网络内后设置 exposed_without_tls = true。"
    )
    en = (
        "{host} is not the loopback address, and there is no TLS. Set tls_certificate and tls_key, or, "
        "where the network is trusted, exposed_without_tls = true in node.toml."
    )


class TlsUnusable(NodeRefusal, code="node.tls_unusable", field="tls_certificate"):
    zh = "TLS 证书或私钥无法使用：{cause}。请检查 node.toml 中的两个文件是否成对且为 PEM 格式。"
    en = (
        "The TLS certificate or key cannot be used: {cause}. See that both files in node.toml are PEM and "
        "belong together."
    )


class FollowNothing(NodeRefusal, code="node.follow_nothing", field="follow"):
    zh = "从节点需要设置 follow（运营方节点的地址）。请在 node.toml 中填写。"
    en = "A follower needs `follow`, the address of the operator's node. Set it in node.toml."
