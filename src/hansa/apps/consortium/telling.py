"""What a proposal would do, in a line for those who vote on it: whom it touches, and which keys."""

from collections.abc import Sequence

from hansa.apps.consortium.messages import NewKey
from hansa.apps.consortium.messages_votes import (
    ActivateRoom,
    ActivateRules,
    Admit,
    Amend,
    AnySubject,
    DeactivateRoom,
    Expel,
    RecoverMember,
    Reinstate,
    SetCosigners,
    SetParameter,
    SetValidators,
    Suspend,
)

SHOWN = 16
"""Hexadecimal digits of a public key that a line shows; `hansa vote show` has it whole."""


def told(subject: AnySubject) -> tuple[str, str]:
    """(zh, en): what is done to whom, with the operator where it changes, and keys by their public part."""
    match subject:
        case Admit(card=card):
            company, keys = card.company, _keys(card.keys)
            zh, en = "", ""
            if card.validator is not None:
                shown = card.validator.public.hex()[:SHOWN]
                zh, en = f"；并作为验证方，共识密钥 {shown}…", f"; as a validator, consensus key {shown}…"
            return (
                f"接纳{company.name_zh}（{card.member}，登记密钥 {keys}{zh}）",
                f"Admit {company.name_en} ({card.member}, with keys {keys}{en})",
            )
        case Suspend(member=member):
            return f"暂停 {member}", f"Suspend {member}"
        case Reinstate(member=member):
            return f"恢复 {member} 的资格", f"Reinstate {member}"
        case Expel(member=member):
            return f"将 {member} 除名", f"Expel {member}"
        case Amend():
            number = f"{subject.registration.kind} {subject.registration.number}"
            return (
                f"{subject.member} 登记为 {subject.name_zh}，{number}",
                f"Register {subject.member} as {subject.name_en}, {number}",
            )
        case RecoverMember():
            return _recovery(subject)
        case SetCosigners():
            return _seats(subject)
        case SetValidators():
            return _validators(subject)
        case SetParameter(name=name, value=value):
            return f"参数 {name} 改为 {value}", f"Set {name} to {value}"
        case ActivateRules(version=version, height=height):
            return f"启用第 {version} 版规则{_from(height)[0]}", f"Activate rules {version}{_from(height)[1]}"
        case ActivateRoom(room=room, height=height):
            name = f"{room.name} {room.version} ({room.sha256[:SHOWN]}…)"
            return f"启用应用 {name}{_from(height)[0]}", f"Activate room {name}{_from(height)[1]}"
        case DeactivateRoom(name=name, height=height):
            return f"停用应用 {name}{_from(height)[0]}", f"Deactivate room {name}{_from(height)[1]}"


def _recovery(subject: RecoverMember) -> tuple[str, str]:
    ended, new = ", ".join(subject.revoke), _keys(subject.keys)
    return (
        f"为 {subject.member} 恢复密钥：吊销 {ended or '无'}；登记 {new}",
        f"New keys for {subject.member}: revoke {ended or 'none'}; register {new}",
    )


def _seats(subject: SetCosigners) -> tuple[str, str]:
    seats = ", ".join(f"{seat.member} ({seat.public.hex()[:SHOWN]}…)" for seat in subject.seats)
    zh, en = "不变", "stays"
    if subject.operator:
        zh, en = f"改为 {subject.operator}", f"becomes {subject.operator}"
    return (
        f"运营方{zh}；见证方 {seats}；法定会签数 {subject.quorum}",
        f"Operator {en}; cosigners {seats}; quorum {subject.quorum}",
    )


def _validators(subject: SetValidators) -> tuple[str, str]:
    zh, en = [], []
    for seat in subject.seats:
        key = f" ({seat.public.hex()[:SHOWN]}…)" if seat.public else ""
        zh.append(f"{seat.member}{key} 表决权重 {seat.power}" if seat.power else f"{seat.member} 退出")
        en.append(f"{seat.member}{key} power {seat.power}" if seat.power else f"{seat.member} out")
    return "验证方：" + "，".join(zh), "Validators: " + ", ".join(en)


def _keys(keys: Sequence[NewKey]) -> str:
    return ", ".join(f"{key.id} ({key.kind}, {key.holder}, {key.public.hex()[:SHOWN]}…)" for key in keys)


def _from(height: int) -> tuple[str, str]:
    return (f"，自高度 {height} 起", f" from height {height} on") if height else ("", "")
