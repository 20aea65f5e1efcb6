"""Who may sign what, and that nothing counts twice: key records, scopes, replay window (rules 5 and 6)."""

from hansa.kernel import limits
from hansa.kernel.context import Context, Table
from hansa.kernel.messages import Key, Window
from hansa.kernel.refusal import Refusal

KEYS = Table("kernel.keys", key=("member", "key"), record=Key)
WINDOWS = Table("kernel.windows", key=("member", "key"), record=Window)

WINDOW_BYTES = limits.WINDOW_WIDTH // 8
_WINDOW_MASK = (1 << limits.WINDOW_WIDTH) - 1


class WrongChain(Refusal, code="kernel.wrong_chain", field="chain"):
    zh = "该交易属于另一个联盟链 {chain}…，不是本链。请用本联盟的创世文件签名。"
    en = "The transaction is for another chain, {chain}…. Sign it for this consortium's genesis file."


class UnknownKey(Refusal, code="kernel.unknown_key", field="key"):
    zh = "成员单位 {member} 没有登记密钥 {key}。请先登记，或检查成员编号。"
    en = "Member {member} has no key {key}. Register it first, or check the member id."


class KeyExpired(Refusal, code="kernel.key_expired", field="key"):
    zh = "密钥 {member}/{key} 已过期。请换用有效密钥签名。"
    en = "Key {member}/{key} has expired. Sign with one that is valid."


class KeyRevoked(Refusal, code="kernel.key_revoked", field="key"):
    zh = "密钥 {member}/{key} 已吊销。请换用有效密钥签名。"
    en = "Key {member}/{key} was revoked. Sign with one that is valid."


class WrongSignature(Refusal, code="kernel.wrong_signature", field="signature"):
    zh = "签名与密钥 {member}/{key} 不符。内容可能被改过，或用错了私钥。"
    en = "The signature does not fit key {member}/{key}: the content was changed, or another key signed."


class Replayed(Refusal, code="kernel.replayed", field="sequence"):
    zh = "序号 {sequence} 已用过，或过旧。请用新的序号重新签名。"
    en = "Sequence {sequence} was used already, or is too old. Sign again with a new one."


class SequenceAhead(Refusal, code="kernel.sequence_ahead", field="sequence"):
    zh = "序号 {sequence} 超前：最多只能到 {limit}。请先提交前面的交易。"
    en = "Sequence {sequence} is too far ahead; at most {limit} now. Submit the earlier ones first."


class OutOfScope(Refusal, code="kernel.out_of_scope", field="actions"):
    zh = "密钥 {key} 无权签署操作 {action}。请用授权范围包含该操作的密钥。"
    en = "Key {key} may not sign {action}. Use a key whose scope includes it."


class Expired(Refusal, code="kernel.expired", field="valid_until_ms"):
    zh = "交易有效期已过。请重新签名提交。"
    en = "The transaction is past its valid_until_ms. Sign and submit it again."


class ValidTooLong(Refusal, code="kernel.valid_too_long", field="valid_until_ms"):
    zh = "有效期超过区块时间之后 {hours} 小时。请缩短有效期。"
    en = "valid_until_ms lies more than {hours} h after block time. Make it shorter."


REFUSED_WHEN_KNOWN = (Replayed, KeyRevoked, KeyExpired)
"""What may refuse bytes at a second try that were taken at the first."""


def current(ctx: Context, member: str, key: str) -> Key:
    """The key as it stands, if it may sign now. Raises UnknownKey, KeyRevoked or KeyExpired."""
    record = KEYS.get(ctx, (member, key))
    if record is None:
        raise UnknownKey(member=member, key=key)
    if record.revoked_ms and ctx.time_ms >= record.revoked_ms:
        raise KeyRevoked(member=member, key=key)
    if ctx.time_ms >= record.expires_ms:
        raise KeyExpired(member=member, key=key)
    return record


def in_scope(scopes: tuple[str, ...], action: str) -> bool:
    """Whether a key with these scopes may sign an action of this tag."""
    room = action.split(".")[0]
    return action in scopes or f"{room}.*" in scopes or "*" in scopes


def used(window: Window, sequence: int) -> Window:
    """The window after this sequence number.

    Raises Replayed if the number is used or too old, SequenceAhead if it is too far on.
    Bit k of `used`, least significant first, stands for `highest − k`.
    """
    ahead = sequence - window.highest
    if ahead > limits.WINDOW_WIDTH:
        raise SequenceAhead(sequence=sequence, limit=window.highest + limits.WINDOW_WIDTH)
    bits = int.from_bytes(window.used, "big")
    if ahead > 0:
        return _window(sequence, (bits << ahead | 1) & _WINDOW_MASK)
    if -ahead >= limits.WINDOW_WIDTH or bits >> -ahead & 1:
        raise Replayed(sequence=sequence)
    return _window(window.highest, bits | 1 << -ahead)


def _window(highest: int, bits: int) -> Window:
    return Window(highest=highest, used=bits.to_bytes(WINDOW_BYTES, "big"))
