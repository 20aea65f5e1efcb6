"""`hansa validator`: whose nodes vote on the blocks of a network, by which keys; and changes of both."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from hansa.apps.consortium.messages_validators import ListedKey, ListedValidator, RotateConsensusKey
from hansa.apps.consortium.messages_votes import ProposedValidator, Seat, SetValidators
from hansa.apps.consortium.validators import message
from hansa.cli.common import (
    Desk,
    Form,
    Language,
    WrongCommand,
    acting,
    desk,
    form_options,
    json_option,
    profile_option,
    say,
    show_json,
    show_rows,
)
from hansa.cli.fields import FileUnusable, read_input
from hansa.cli.sending import act
from hansa.client.keyfiles import PrivateKey, read_key
from hansa.kernel import Refusal, address
from hansa.node.joining_folder import check_owner
from hansa.node.joining_rotation import NEXT_KEY, next_key
from hansa.node.settings_engine import VALIDATOR_KEY

HEADS = (
    ("成员单位", "member"),
    ("表决权重", "power"),
    ("状态", "status"),
    ("地址", "address"),
    ("自高度", "since"),
    ("违规证据", "fault"),
)
KEY_HEADS = (
    ("地址", "address"),
    ("成员单位", "member"),
    ("自高度", "since"),
    ("至高度", "until"),
    ("违规证据", "fault"),
)
SEAT_STATUS_ZH = {"active": "在任", "suspended": "因双重签名暂停"}
POWER_DIGITS_MAX = 15
WAIT_MAX_S = 60.0
PAUSE_S = 0.5
TAKEN = (
    "节点已换用新密钥，并重新应答；旧密钥此后不得再用。",
    "Your node has taken the new key and answers again; never use the old one again.",
)
REGISTERED = (
    "已登记。由 hansa node run 运行的节点会自行换用新密钥并重启；旧密钥此后不得再用。",
    "It is registered. A node under `hansa node run` takes the new key and restarts by itself; never "
    "use the old one again.",
)
FAULTS_ZH = {"duplicate_vote": "双重签名", "light_client_attack": "对轻客户端作伪"}


@click.group()
def validator() -> None:
    """Validators of a network, and their keys. 验证方与共识密钥。"""


@validator.command("list")
@json_option
@form_options
@profile_option
@click.pass_obj
def list_(lang: Language, as_json: bool, form: Form, profile_name: str) -> None:
    """The validator set with its powers. 验证方名单与表决权重。"""
    found = desk(lang, profile_name).ask("consortium.validators", list[ListedValidator])
    if as_json:
        show_json(found)
        return
    rows = [
        (
            each.member,
            each.power,
            SEAT_STATUS_ZH[each.status] if lang == "zh" else each.status,
            each.address,
            each.since,
            _fault(lang, each),
        )
        for each in found
    ]
    show_rows(lang, HEADS, rows, form)


@validator.command()
@click.option("--member", default="", help="Of this member only. 只列该成员单位。")
@json_option
@form_options
@profile_option
@click.pass_obj
def keys(lang: Language, member: str, as_json: bool, form: Form, profile_name: str) -> None:
    """Consensus keys of all times. 历次共识密钥。"""
    at = desk(lang, profile_name)
    found = _keys_of(at, member)
    if as_json:
        show_json(found)
        return
    rows = [
        (each.address, each.key.member, each.key.since, each.key.until or None, _fault(lang, each.key))
        for each in found
    ]
    show_rows(lang, KEY_HEADS, rows, form)


def _keys_of(at: Desk, member: str) -> list[ListedKey]:
    return at.ask_all("consortium.consensus_keys", ListedKey, lambda each: each.address, member=member)


def _fault(lang: Language, of: Any) -> str:
    """What a key was caught at, and at which height of the engine."""
    if of.fault is None:
        return ""
    kind = FAULTS_ZH[of.fault.kind] if lang == "zh" else of.fault.kind
    return f"{kind} @ {of.fault.height}"


@validator.command()
@click.argument("directory", type=click.Path(path_type=Path))
@profile_option
@click.pass_obj
def seat(lang: Language, directory: Path, profile_name: str) -> None:
    """Print a seat for your node in DIRECTORY: a fresh consensus key, with proof that it is yours.

    输出验证席位：新的共识公钥及持有证明，交给提案单位。
    """
    at = desk(lang, profile_name)
    check_owner(directory, at.profile.member)
    key = _fresh_key(at, directory)
    member = at.profile.member
    show_json(Seat(member=member, public=key.public, proof=_proof(at, key)))


def _fresh_key(at: Desk, directory: Path) -> PrivateKey:
    """The node's key, if the ledger never knew it; else the one to come, made here if there is none."""
    key = read_key(directory / VALIDATOR_KEY)
    known = [each.address for each in _keys_of(at, at.profile.member)]
    return next_key(directory) if address(key.public) in known else key


def _proof(at: Desk, key: PrivateKey) -> bytes:
    return key.signer.sign(message(at.profile.chain, at.profile.member, key.public))


@validator.command("set")
@click.option("--seat", "seats", multiple=True, metavar="FILE", help="A new seat or key. 新席位或新密钥。")
@click.option("--power", "powers", multiple=True, metavar="MEMBER=N", help="Voting power. 表决权重。")
@click.option("--out", "left", multiple=True, metavar="MEMBER", help="Loses its seat. 退出名单。")
@click.option("--id", "proposal", default="", help="Id of the proposal. 提案编号。")
@acting
@click.pass_obj
def set_(
    lang: Language,
    /,
    seats: tuple[str, ...],
    powers: tuple[str, ...],
    left: tuple[str, ...],
    proposal: str,
    profile_name: str,
    **how: Any,
) -> None:
    """Put a change of the validator set to the vote; who is not named stays. 提议变更验证方名单。"""
    from hansa.cli.votes import put_to_vote

    at = desk(lang, profile_name)
    put_to_vote(at, _change(at, seats, powers, left), proposal, **how)


def _change(
    at: Desk, seats: tuple[str, ...], powers: tuple[str, ...], left: tuple[str, ...]
) -> SetValidators:
    given = dict(_power(text) for text in powers)
    now = at.ask("consortium.validators", list[ListedValidator])
    least = min((each.power for each in now if each.power), default=1)
    proposed = [_proposed(_read_seat(path), given, least, now) for path in seats]
    proposed += [ProposedValidator(member=member, power=power) for member, power in given.items()]
    proposed += [ProposedValidator(member=member, power=0) for member in left]
    return SetValidators(seats=tuple(proposed))


def _proposed(seat: Seat, given: dict[str, int], least: int, now: list[ListedValidator]) -> ProposedValidator:
    """With the power that is asked for; else what the member has; else the least of those that vote."""
    has = next((each.power for each in now if each.member == seat.member), 0)
    power = given.pop(seat.member, has or least)
    return ProposedValidator(member=seat.member, power=power, public=seat.public, proof=seat.proof)


def _power(text: str) -> tuple[str, int]:
    member, _, power = text.partition("=")
    if not member or not power.isascii() or not power.isdecimal() or len(power) > POWER_DIGITS_MAX:
        raise WrongCommand(
            text_zh=f"--power 应写作 成员编号=权重，如 plant=1，而不是 {text}。",
            text_en=f"--power is written member=power, such as plant=1, not {text}.",
        )
    return member, int(power)


def _read_seat(path: str) -> Seat:
    try:
        return msgspec.json.decode(read_input(path), type=Seat)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise FileUnusable(path=path, cause=str(error)) from None


@validator.command()
@click.option("--data", "directory", type=click.Path(path_type=Path), help="Your node's folder. 节点目录。")
@click.option("--wait", "wait_s", default=WAIT_MAX_S, show_default=True, help="Seconds. 最长等待秒数。")
@acting
@click.pass_obj
def rotate(
    lang: Language,
    directory: Path | None,
    wait_s: float,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Change your node's consensus key; its power stays. The node restarts with it, which is waited for.

    更换本单位节点的共识密钥，表决权重不变；命令等到节点换用新密钥并重新应答为止。
    """
    at = desk(lang, profile_name)
    if directory is None and not at.profile.data:
        raise WrongCommand(
            text_zh="请用 --data 指明节点目录：新密钥存放在那里。",
            text_en="Name your node's folder by --data: the new key is kept there.",
        )
    directory = directory or Path(at.profile.data)
    check_owner(directory, at.profile.member)
    key = next_key(directory)
    action = RotateConsensusKey(public=key.public, proof=_proof(at, key))
    receipt = act(at, [action], dry_run=dry_run, yes=yes, as_json=as_json)
    if receipt is None or receipt.code != "ok":
        return
    taken = wait_until_taken(directory, at.profile.url, wait_s)
    if not as_json:
        say(lang, *(TAKEN if taken else REGISTERED))


def wait_until_taken(directory: Path, url: str, wait_s: float) -> bool:
    """Whether, within so many seconds, the node began anew with its next key and is in step."""
    from hansa.node import joining_engine as engine

    ask, end = engine.over_http(), time.monotonic() + wait_s
    while time.monotonic() < end:
        if not (directory / NEXT_KEY).exists():
            with suppress(Refusal):
                if not engine.status(ask, url).catching_up:
                    return True
        time.sleep(PAUSE_S)
    return False
