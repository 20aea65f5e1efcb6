"""What a company tells of itself on the command line: for founding, for a card, for changes."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click
import msgspec

from hansa.apps.consortium.messages import (
    Company,
    Licence,
    LicenceKind,
    Registration,
    RegistrationKind,
    Role,
    SizeClass,
)
from hansa.apps.consortium.registration import ALPHANUMERIC, LEI_MODULUS, check_registration
from hansa.cli.common import WrongCommand
from hansa.cli.fields import ValueWrong, read_input, time_ms
from hansa.kernel.refusal import shown
from hansa.kernel.types import Id, RegisteredName, Url

F = TypeVar("F", bound=Callable[..., Any])

SIZES: tuple[str, ...] = get_args(SizeClass)
ROLES: tuple[str, ...] = get_args(Role)
LICENCES: tuple[str, ...] = get_args(LicenceKind)
NUMBERS: tuple[str, ...] = tuple(kind for kind in get_args(RegistrationKind) if kind != "unchecked")
ID_WANTED = (
    "小写字母、数字和 . _ : -，以字母或数字开头，至多 64 个字符",
    "lower-case letters, digits and . _ : -, a letter or digit first, 64 at most",
)
NAME_WANTED = ("营业执照上的名称，一行", "the registered name, on one line")
URL_WANTED = (
    "节点的地址，如 https://node.example.com:8420，主机名用小写",
    "the address of a node, such as https://node.example.com:8420, the host in lower case",
)
TRIAL_PREFIX = "HANSATRYOUT"
"""LEIs begin with the number of the body that issued them: digits and capitals, never this."""


def company_options(command: F) -> F:
    """Names and registration."""
    for option in reversed(
        [
            click.option("--name-zh", default="", help="Registered name, Chinese. 登记名称（中文）。"),
            click.option("--name-en", default="", help="Registered name, English. 登记名称（英文）。"),
            click.option("--uscc", default="", help="统一社会信用代码, with its check character."),
            click.option("--vat", default="", help="VAT id, with its country. 增值税号。"),
            click.option("--lei", default="", help="Legal entity identifier. 法人机构识别编码。"),
        ]
    ):
        command = option(command)
    return own_data_options(command)


def own_data_options(command: F) -> F:
    """What a member may change by itself."""
    for option in reversed(
        [
            click.option("--size", type=click.Choice(SIZES), help="Size class. 企业规模。"),
            click.option(
                "--role", "roles", multiple=True, type=click.Choice(ROLES), help="角色，可多次给出。"
            ),
            click.option(
                "--licence",
                "licences",
                multiple=True,
                metavar="KIND:FILE[:UNTIL]",
                help="A licence: its document is hashed, not sent. 证照：只登记文件的哈希。",
            ),
            click.option("--node-url", default=None, help="Where its node answers. 节点地址。"),
            click.option("--cosigner-url", default=None, help="Where its cosigner answers. 会签地址。"),
        ]
    ):
        command = option(command)
    return command


def registration_of(uscc: str, vat: str, lei: str) -> Registration:
    """The one number that is given, checked. Raises WrongCommand, or what the number's check raises."""
    given = [(kind, number) for kind, number in (("uscc", uscc), ("vat", vat), ("lei", lei)) if number]
    if len(given) != 1:
        raise WrongCommand(
            text_zh="请给出 --uscc、--vat、--lei 之一。", text_en="Give one of --uscc, --vat and --lei."
        )
    ((kind, number),) = given
    registration = Registration(kind=kind, number=number.strip())  # type: ignore[arg-type]  # one of three
    check_registration(registration)
    return registration


def checked(option: str, value: str, kind: Any, wanted: tuple[str, str]) -> str:
    """A value that every receiver takes; what none does is refused before it is signed. Raises ValueWrong.

    `wanted` says in zh and en what it may be.
    """
    try:
        return str(msgspec.convert(value, kind))
    except msgspec.ValidationError:
        zh, en = wanted
        raise ValueWrong(name=option, given=shown(value), wanted_zh=zh, wanted_en=en) from None


def checked_id(value: str) -> str:
    """The id that a company asks for. Raises ValueWrong."""
    return checked("id", value, Id, ID_WANTED)


def company_of(options: dict[str, Any]) -> Company:
    """The company that the options describe. Raises WrongCommand for what is missing."""
    if not (options["name_zh"] or options["name_en"]) or not options["size"] or not options["roles"]:
        raise WrongCommand(
            text_zh="请给出 --name-zh（和 --name-en）、--size 和至少一个 --role。",
            text_en="Give --name-en (and --name-zh), --size and at least one --role.",
        )
    zh, en = options["name_zh"] or options["name_en"], options["name_en"] or options["name_zh"]
    return Company(
        name_zh=checked("name-zh", zh, RegisteredName, NAME_WANTED),
        name_en=checked("name-en", en, RegisteredName, NAME_WANTED),
        registration=registration_of(options["uscc"], options["vat"], options["lei"]),
        size=options["size"],
        roles=tuple(options["roles"]),
        licences=licences_of(options["licences"]),
        node_url=checked("node-url", options["node_url"] or "", Url, URL_WANTED),
        cosigner_url=checked("cosigner-url", options["cosigner_url"] or "", Url, URL_WANTED),
    )


def licences_of(given: tuple[str, ...]) -> tuple[Licence, ...]:
    out = []
    for text in given:
        kind, _, rest = text.partition(":")
        path, _, until = rest.partition(":")
        if kind not in LICENCES or not path:
            raise WrongCommand(
                text_zh=f"--licence {text} 不对。请写成 种类:文件[:到期日]，种类为 {', '.join(LICENCES)}。",
                text_en=f"--licence {text} is wrong. Write KIND:FILE[:UNTIL]; kinds: {', '.join(LICENCES)}.",
            )
        digest = hashlib.sha256(read_input(path)).hexdigest()
        expires_ms = time_ms(until, "licence") if until else 0
        out.append(Licence(kind=kind, sha256=digest, expires_ms=expires_ms))  # type: ignore[arg-type]
    return tuple(out)


def trial_company() -> Company:
    """A made-up company, to try things: its number has the form of an LEI and no issuer."""
    first = TRIAL_PREFIX + "".join(secrets.choice(ALPHANUMERIC[:10]) for _ in range(7))
    digits = "".join(str(ALPHANUMERIC.index(character)) for character in first + "00")
    check = LEI_MODULUS + 1 - int(digits) % LEI_MODULUS
    return Company(
        name_zh="试用单位",
        name_en="Trial company",
        registration=Registration(kind="lei", number=f"{first}{check:02d}"),
        size="small",
        roles=("plant",),
    )
