"""Refusals of the network demo."""

from hansa.kernel import Refusal


class NodeSilent(Refusal, code="play.node_silent", field="member"):
    zh = "{member} 的节点自行结束了。请看 {log} 最后几行；先执行 hansa engine check 确认共识引擎可用。"
    en = (
        "The node of {member} ended by itself. Look at the last lines of {log}; see `hansa engine check` "
        "first."
    )


class StepTooLong(Refusal, code="play.step_too_long", field="step"):
    zh = "{seconds} 秒内没有完成：{step_zh}。各节点的日志在 {log} 下；机器太忙时请稍后再试。"
    en = (
        "Not done within {seconds} s: {step_en}. The nodes' logs lie under {log}; on a busy machine try "
        "again later."
    )


class NotOneHash(Refusal, code="play.not_one_hash", field="nodes"):
    zh = "各节点没有停在同一高度、同一哈希：{said}。请把 {log} 下的日志发给开发者。"
    en = "The nodes did not come to one height and hash: {said}. Send the logs under {log} to the developers."


class JoinRefused(Refusal, code="play.join_refused", field="checks"):
    zh = "新成员单位的加入检查没有通过：{why_zh}"
    en = "A check of the newcomer failed: {why_en}"


class StepFailed(Refusal, code="play.step_failed", field="step"):
    zh = "“{step_zh}”这一步没有完成。{why_zh} 各节点的日志保留在 {log}。"
    en = "The step “{step_en}” was not done. {why_en} The nodes' logs are kept under {log}."
