"""Refusals of a play's own processes."""

from hansa.kernel import Refusal


class NodeEnded(Refusal, code="play.node_ended", field="member"):
    zh = "{member} 的节点进程意外结束或没有回应。请查看 {log}；本机较慢时可加 --one-process 重试。"
    en = (
        "The node process of {member} ended or does not answer. See {log}; on a slow machine try again with "
        "--one-process."
    )


class NodeRefused(Refusal, code="play.node_refused", field="member"):
    zh = "节点未能启动（{code}）：{why_zh}"
    en = "A node did not start ({code}): {why_en}"


class NodeBehind(Refusal, code="play.node_behind", field="member"):
    zh = "{seconds} 秒内 {member} 的节点没有跟上高度 {height}。请查看 {log}；本机较慢时可加 --one-process。"
    en = (
        "The node of {member} has not come to height {height} within {seconds} s. See {log}; on a slow "
        "machine try again with --one-process."
    )
