"""Who plays: companies with made-up names and well-formed registration numbers, their keys, the genesis file.

Keys made from a seed are for plays and tests: whoever knows the seed holds them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hansa.apps.consortium.messages import (
    AnyKeyKind,
    Genesis,
    GenesisKey,
    GenesisMember,
    Licence,
    LicenceKind,
    Registration,
    Role,
    SizeClass,
)
from hansa.kernel import limits
from hansa.kernel.evidence import Cosigner
from hansa.kernel.signatures import Signer

KEY_LIFE_MS = 30 * 366 * limits.DAY_MS
RULES = 2


@dataclass(frozen=True)
class Company:
    id: str
    name_zh: str
    name_en: str
    uscc: str
    """Made up; its check characters are right."""
    size: SizeClass
    roles: tuple[Role, ...]
    licences: tuple[LicenceKind, ...] = ("business",)


COMPANIES = (
    Company(
        "maker",
        "江南包装机械有限公司",
        "Jiangnan Packaging Machinery Co., Ltd.",
        "91320100MADEM0A15Q",
        "medium",
        ("lessor", "integrator"),
    ),
    Company(
        "plant",
        "太湖食品包装有限公司",
        "Taihu Food Packaging Co., Ltd.",
        "91320500MADEM0B2XE",
        "medium",
        ("plant",),
        ("business", "food"),
    ),
    Company(
        "bank",
        "长三角产业银行",
        "Yangtze Delta Industrial Bank",
        "91310000MADEM0C34R",
        "large",
        ("bank",),
        ("business", "banking"),
    ),
    Company(
        "auditor",
        "明鉴会计师事务所",
        "Mingjian Certified Accountants",
        "91310000MADEM0D490",
        "small",
        ("auditor",),
        ("business", "audit"),
    ),
)
INSURER = Company(
    "insurer",
    "东吴产业保险有限公司",
    "Dongwu Industrial Insurance Co., Ltd.",
    "91320500MADEM0E532",
    "large",
    ("insurer",),
    ("business", "insurance"),
)
"""Founds nothing: it is admitted by vote."""
SECOND_PLANT = Company(
    "dairy",
    "太仓乳品有限公司",
    "Taicang Dairy Co., Ltd.",
    "91320585MADEM0F61N",
    "small",
    ("plant",),
    ("business", "food"),
)
"""Takes a line in sublease; admitted by vote as well."""
NAME_ZH = "华东包装产能共享联盟"
NAME_EN = "East China Packaging Capacity Consortium"
OPERATOR = "maker"
METER_OWNER = "plant"
FIRST_KEY = "clerk-1"
SECOND_KEY = "chief-1"
"""Another person's, of the plant: for what needs two."""
COLD_KEY = "cold-1"
GATEWAY_KEY = "gateway-1"
NODE_KEY = "node-1"
"""By which a member's node opens sessions at the nodes of others."""


def secret(seed: int, *names: str) -> bytes:
    """32 bytes that only the seed and the names decide."""
    return hashlib.sha256(":".join(("hansa-play", str(seed), *names)).encode()).digest()


def signer(seed: int, member: str, key: str) -> Signer:
    return Signer(secret(seed, member, key))


def node_signer(seed: int, member: str) -> Signer:
    """The key of a member's node: the operator signs headers with it, a follower co-signs."""
    return Signer(secret(seed, member, "node"))


def charter() -> tuple[str, str, str]:
    """(zh, en, SHA-256 of the file that holds both); a line of the texts is an article."""
    data = Path(__file__).with_name("charter.md").read_bytes().replace(b"\r\n", b"\n")
    zh, en = (part.strip() for part in data.decode().split("\n---\n"))
    zh, en = (part.removeprefix("# ").replace("\n\n", "\n").replace("\n   ", " ") for part in (zh, en))
    return zh, en, hashlib.sha256(data).hexdigest()


def registration(company: Company) -> Registration:
    return Registration(kind="uscc", number=company.uscc)


def licences(company: Company, start_ms: int, more: Sequence[LicenceKind] = ()) -> tuple[Licence, ...]:
    """Hashes of documents that nobody ever wrote."""
    return tuple(
        Licence(
            kind=kind,
            sha256=hashlib.sha256(f"{company.id} {kind}".encode()).hexdigest(),
            expires_ms=0 if kind == "business" else start_ms + 3 * 366 * limits.DAY_MS,
        )
        for kind in (*company.licences, *more)
    )


def genesis(seed: int, start_ms: int, companies: Sequence[Company] = COMPANIES) -> Genesis:
    """The founding file: members, keys, charter, and the four nodes of which three make a header final."""

    def key(member: str, name: str, kind: AnyKeyKind, *scopes: str) -> GenesisKey:
        return GenesisKey(
            id=name,
            public=signer(seed, member, name).public,
            holder=f"{member}-{name}",
            kind=kind,
            scopes=scopes,
            expires_ms=start_ms + KEY_LIFE_MS,
        )

    def keys(company: Company) -> tuple[GenesisKey, ...]:
        everyone = (
            key(company.id, FIRST_KEY, "person", "*"),
            key(company.id, COLD_KEY, "recovery", "consortium.recover"),
            key(company.id, NODE_KEY, "worker", "consortium.attest"),
        )
        if company.id != METER_OWNER:
            return everyone
        gateway = key(company.id, GATEWAY_KEY, "gateway", "metering.anchor", "metering.record")
        return (*everyone, key(company.id, SECOND_KEY, "person", "*"), gateway)

    return Genesis(
        name_zh=NAME_ZH,
        name_en=NAME_EN,
        created_ms=start_ms,
        operator=OPERATOR,
        node_public=node_signer(seed, OPERATOR).public,
        members=tuple(
            GenesisMember(
                id=company.id,
                name_zh=company.name_zh,
                name_en=company.name_en,
                keys=keys(company),
                registration=registration(company),
                size=company.size,
                roles=company.roles,
                licences=licences(company, start_ms),
            )
            for company in companies
        ),
        rules=RULES,
        charter_sha256=charter()[2],
        cosigners=tuple(
            Cosigner(member=company.id, public=node_signer(seed, company.id).public) for company in companies
        ),
        quorum=(len(companies) + (len(companies) - 1) // 3) // 2 + 1,
    )
