"""Every "no" of a network node that comes of the engine beside it, with its HTTP status."""

from hansa.node.errors import NodeRefusal


class EngineAway(NodeRefusal, code="engine.away", field="node"):
    status = 503
    zh = (
        "本节点的共识引擎没有应答（{cause}），暂不能接收交易。请在 {retry_s} 秒后重新发送相同的字节，"
        "或改发其他成员单位的节点；节点运维人员请运行 hansa node status。"
    )
    en = (
        "The consensus engine of this node does not answer ({cause}), so it takes no transactions. Send the "
        "same bytes again in {retry_s} s, or to another member's node; its operator runs hansa node status."
    )


class EngineSaid(NodeRefusal, code="engine.said", field="node"):
    status = 503
    zh = "共识引擎拒绝了请求 {method}：{detail}。请查看节点日志。"
    en = "The consensus engine refused {method}: {detail}. See the node's log."


class Undecided(NodeRefusal, code="engine.undecided", field="node"):
    status = 503
    zh = (
        "{waited_s} 秒内没有区块收入该交易：可能验证节点不足法定多数，或网络不通。交易未被拒绝，仍可能"
        "生效。请在 {retry_s} 秒后重新发送相同的字节（不会重复生效），也可发往其他成员单位的节点。"
    )
    en = (
        "No block took the transaction within {waited_s} s: too few validators may be there, or the network "
        "is cut. It was not refused and may still take effect. Send the same bytes again in {retry_s} s "
        "(they never count twice), here or to another member's node."
    )


class MethodNotServed(NodeRefusal, code="engine.method_not_served", field="method"):
    status = 400
    zh = "该入口只提供共识引擎的只读查询 {allowed}，不提供 {method}。"
    en = "Here the engine answers only these questions: {allowed}; not {method}."


class QuestionMalformed(NodeRefusal, code="engine.question_malformed", field="body"):
    status = 400
    zh = "请求体不是有效的 JSON-RPC 2.0 请求：{detail}。"
    en = "The body is no JSON-RPC 2.0 request: {detail}."


class TooManyQuestions(NodeRefusal, code="engine.too_many_questions", field="node"):
    status = 429
    zh = "来自您的网络地址的引擎查询每秒超过 {limit} 次。请在 {retry_s} 秒后重试。"
    en = "More than {limit} questions a second came from your address. Try again in {retry_s} s."


class NetworkChain(NodeRefusal, code="engine.network_chain", field="node.toml"):
    zh = (
        '创世文件列有验证节点：这条链没有运营方，由各家节点共同排序。请在 node.toml 中设置 role = "network"。'
    )
    en = (
        "The genesis file names validators: this chain has no operator, its members' nodes agree on each "
        'block. Set role = "network" in node.toml.'
    )


class SocketsUnusable(NodeRefusal, code="engine.sockets_unusable", field="directory"):
    zh = "无法在 {path} 建立与共识引擎通信的套接字：{cause}。请检查目录权限与磁盘。"
    en = (
        "The sockets to the engine cannot be made in {path}: {cause}. Check the folder's rights and the disk."
    )


class NothingSetAside(NodeRefusal, code="engine.nothing_set_aside", field="set-aside"):
    zh = (
        "网络节点不能搁置交易：区块由各成员单位共同确定，少执行一笔，本节点的状态就与别人不同。请排除停机的"
        "原因"
        "（磁盘、内存、版本），再运行 hansa node run {path} --retry；若各家都停在同一区块，请联系软件供应方。"
    )
    en = (
        "A node of a network sets no transactions aside: the members agree on each block, and a node that "
        "executed less of it would stand on another state than theirs. Mend what stopped it (disk, memory, "
        "release), then run hansa node run {path} --retry; where all nodes stand at one block, call whoever "
        "supplies the program."
    )
