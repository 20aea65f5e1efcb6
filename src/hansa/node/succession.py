"""Another operator without the old one, as its members do it: file by file, on data directories at rest.

One cosigner begins a file, others add their signatures, the successor starts its node with it, the rest take
it. Nothing passes over a network here; a file is worth its signatures, whoever carries it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from hansa.apps.consortium import errors_succession as rules
from hansa.apps.consortium.messages import CosignerSet
from hansa.apps.consortium.messages_succession import Succeed
from hansa.apps.consortium.succession import check_succession, signers
from hansa.client.files import read_bounded, write_new, write_over
from hansa.client.keyfiles import read_key
from hansa.engines.embedded import Clock, Embedded
from hansa.engines.following import Following
from hansa.engines.operators import holds
from hansa.kernel import Cosignature, Release, Struct, Succession, encode, merkle, replace, succession_bytes
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.refusal import Refusal, shown
from hansa.kernel.signatures import ED25519
from hansa.node import errors_succession as errors
from hansa.node import settings as files
from hansa.node.errors import FileMissing
from hansa.node.settings import Settings

FORMAT: Literal["hansa-succession-1"] = "hansa-succession-1"
FILE_BYTES_MAX = 2**16
READABLE = 0o644


class SuccessionFile(Struct):
    """What goes round among the cosigners."""

    format: Literal["hansa-succession-1"]
    succession: Succession
    signatures: tuple[Cosignature, ...] = ()

    @property
    def action(self) -> Succeed:
        """As it is put on the ledger."""
        return Succeed(succession=self.succession, signatures=self.signatures)


class Standing(NamedTuple):
    """How far a file has come, by the set in force in a member's own copy."""

    signed: Sequence[str]
    missing: Sequence[str]
    quorum: int
    replaced: str
    """The operator that it replaces."""


def read_file(path: Path) -> SuccessionFile:
    """Well formed; its signatures are not checked yet. Raises SuccessionFileBroken."""
    try:
        return decode_strict(read_bounded(path, FILE_BYTES_MAX), SuccessionFile)
    except (OSError, ValueError, Refusal) as error:
        detail = error.en if isinstance(error, Refusal) else str(error)
        raise errors.SuccessionFileBroken(path=str(path), detail=shown(detail)) from None


def read_files(paths: Sequence[Path]) -> SuccessionFile:
    """Files of one succession with the signatures of all. Raises SuccessionFileBroken, SuccessionsDiffer."""
    first, *others = [(path, read_file(path)) for path in paths]
    found = {each.member: each for each in first[1].signatures}
    for path, other in others:
        if other.succession != first[1].succession:
            raise errors.SuccessionsDiffer(path=str(path))
        found = {each.member: each for each in other.signatures} | found
    return replace(first[1], signatures=tuple(found[member] for member in sorted(found)))


def write_file(path: Path, file: SuccessionFile, *, new: bool) -> None:
    """Raises SuccessionFileTaken where a new one would lie over another."""
    try:
        (write_new if new else write_over)(path, encode(file), READABLE)
    except FileExistsError:
        raise errors.SuccessionFileTaken(path=str(path)) from None


@contextmanager
def copy_in(settings: Settings, release: Release) -> Iterator[Following]:
    """A member's copy, held meanwhile. Raises FileMissing, InUse while its node runs, what opening does."""
    for name in (files.GENESIS, files.LEDGER):
        if not settings.file(name).is_file():
            raise FileMissing(path=str(settings.file(name)))
    copy = Following(settings.file(files.LEDGER), settings.file(files.GENESIS).read_bytes(), release)
    try:
        yield copy
    finally:
        copy.close()


# Signing.


def proposed(copy: Following, operator: str) -> SuccessionFile:
    """A file for the newest block of a copy, not signed yet. Raises SuccessionNone, SuccessorUnfit."""
    present = _set(copy)
    if operator == present.operator or all(seat.member != operator for seat in present.cosigners):
        raise rules.SuccessorUnfit(member=operator)
    said = Succession(
        chain=copy.chain.id, height=copy.height, app_hash=copy.ledger.app_hash, operator=operator
    )
    return SuccessionFile(format=FORMAT, succession=said)


def check_here(copy: Following, said: Succession) -> None:
    """Whether a succession goes on from the newest block of this copy.

    Raises SuccessionOtherChain, SuccessionBehind, SuccessionAhead, SuccessionOtherHistory,
    SuccessionSignedHigher.
    """
    here = copy.height
    if said.chain != copy.chain.id:
        raise errors.SuccessionOtherChain(chain=said.chain[:12])
    if here < said.height:
        raise errors.SuccessionBehind(here=here, height=said.height, count=said.height - here)
    if _root(copy, said.height) != said.app_hash:
        raise errors.SuccessionOtherHistory(height=said.height)
    if here > said.height:
        raise errors.SuccessionAhead(here=here, height=said.height, count=here - said.height)
    if copy.signed.height > here:
        raise errors.SuccessionSignedHigher(here=here, signed=copy.signed.height)


def check_word(copy: Following, said: Succession) -> None:
    """Whether this node has not given its word for another successor after the same block.

    Raises SuccessionSignedOther.
    """
    given = copy.signed.handed(said.height)
    if given not in ("", said.operator):
        raise errors.SuccessionSignedOther(signed=given, height=said.height, operator=said.operator)


def check_memory(copy: Following, nothing_later: bool) -> None:
    """Whether it is known here what this node's key cosigned, or its member says that it is nothing later.

    Raises SuccessionForgotten.
    """
    if copy.ledger.restored and not nothing_later:
        raise errors.SuccessionForgotten(here=copy.height)


def sign(
    copy: Following, settings: Settings, file: SuccessionFile, *, nothing_later: bool = False
) -> SuccessionFile:
    """The file with this member's signature by its seat's key, kept in signed.db before it is given.

    From then on this node takes no block of the operator that is replaced, nor of another successor. Raises
    what `check_here`, `check_word`, `check_memory` and `proposed` do, NoSeatHere, SuccessionSignature for a
    signature in it that does not count.
    """
    check_here(copy, file.succession)
    check_word(copy, file.succession)
    check_memory(copy, nothing_later)
    proposed(copy, file.succession.operator)
    present, key = _set(copy), read_key(settings.file(files.NODE_KEY)).signer
    if all((seat.member, seat.public) != (settings.member, key.public) for seat in present.cosigners):
        raise errors.NoSeatHere(member=settings.member)
    others = tuple(each for each in file.signatures if each.member != settings.member)
    signers(present.cosigners, replace(file, signatures=others).action, holds)
    copy.signed.hand_over(file.succession.height, file.succession.operator)
    signature = key.sign(succession_bytes(file.succession))
    own = Cosignature(member=settings.member, suite=ED25519, signature=signature)
    return replace(file, signatures=tuple(sorted((*others, own), key=lambda each: each.member)))


def withdraw(copy: Following) -> None:
    """Take this member's signature back: its node follows the operator again. Raises NothingSigned."""
    if not copy.signed.withdraw(copy.height):
        raise errors.NothingSigned(height=copy.height)


def standing(copy: Following, file: SuccessionFile) -> Standing:
    """Who has signed, by this copy. Raises SuccessionNone, SuccessionSignature."""
    present = _set(copy)
    signed = signers(present.cosigners, file.action, holds)
    missing = [seat.member for seat in present.cosigners if seat.member not in signed]
    return Standing(signed, missing, present.quorum, present.operator)


# Carrying it out.


def start(
    settings: Settings, release: Release, file: SuccessionFile, wire: bytes, clock: Clock
) -> SignedHeader:
    """Make the successor's first block, then its directory an operator's; after a crash, the rest of it.

    `wire`: the transaction of the succession. Raises NotTheSuccessor, what refuses the transaction, or what
    the engine does; then the directory is what it was.
    """
    said, key = file.succession, read_key(settings.file(files.NODE_KEY)).signer
    if settings.member != said.operator:
        raise errors.NotTheSuccessor(operator=said.operator, member=settings.member)
    genesis = settings.file(files.GENESIS).read_bytes()
    engine = Embedded(settings.file(files.LEDGER), genesis, key, clock, release=release, succession=wire)
    try:
        head = engine.head()
    finally:
        engine.close()
    assert head is not None
    change_settings(settings, role="operator", follow=None, follow_node=None, follow_ca=None)
    return head


def check_start(copy: Following, settings: Settings, file: SuccessionFile) -> bool:
    """Whether the successor's block is still to be made: not, where an earlier try had made it.

    Raises what `check_here` and `check_word` do, NotTheSuccessor, and what is wrong with the signatures.
    """
    said = file.succession
    present, key = _set(copy), read_key(settings.file(files.NODE_KEY)).public
    seat = next((seat.public for seat in present.cosigners if seat.member == said.operator), b"")
    if settings.member != said.operator or key != seat:
        raise errors.NotTheSuccessor(operator=said.operator, member=settings.member)
    if _taken(copy, said):
        return False
    check_here(copy, said)
    check_word(copy, said)
    check_succession(present, file.action, holds)
    return True


def take(copy: Following, file: SuccessionFile) -> None:
    """Have a follower go on with the successor: what it rejected of the operator before is forgotten, and
    when that one had nothing more.

    What it signed and its cases stay. A copy that is behind checks the signatures by the cosigners that it
    knows, fetches what is missing from the successor and checks all of it. Raises SuccessionOtherChain,
    SuccessionOtherHistory, SuccessionPassed, SuccessionSignedOther, SuccessionNotCounted, and what is wrong
    with the signatures.
    """
    said = file.succession
    if said.chain != copy.chain.id:
        raise errors.SuccessionOtherChain(chain=said.chain[:12])
    if _taken(copy, said):
        return
    if copy.height >= said.height and _root(copy, said.height) != said.app_hash:
        raise errors.SuccessionOtherHistory(height=said.height)
    if copy.height > said.height:
        raise errors.SuccessionPassed(here=copy.height, height=said.height)
    check_word(copy, said)
    _check_signed(copy, file)
    copy.signed.hand_over(said.height, said.operator)
    copy.forget_rejected()
    copy.forget_level()


def _check_signed(copy: Following, file: SuccessionFile) -> None:
    """By the set of the copy's own height, which a vote may have changed since where the copy is behind."""
    here, height = copy.height, file.succession.height
    try:
        check_succession(_set(copy), file.action, holds)
    except Refusal as found:
        if here == height:
            raise
        raise errors.SuccessionNotCounted(
            here=here, height=height, count=height - here, cause=found.code
        ) from None


def follow_successor(settings: Settings, file: SuccessionFile, url: str, ca: str = "") -> None:
    """Write into node.toml whose node is followed from now on."""
    change_settings(settings, follow=url, follow_node=file.succession.operator, follow_ca=ca or None)


def change_settings(settings: Settings, **values: str | None) -> None:
    """Set or drop (None) settings at the top of node.toml; the rest of the file stays as it was written."""
    path = settings.file(files.SETTINGS)
    lines = path.read_text(encoding="utf-8").splitlines()
    table = next((n for n, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    top = [line for line in lines[:table] if line.partition("=")[0].strip() not in values]
    top += [f"{name} = {encode(value).decode()}" for name, value in values.items() if value is not None]
    write_over(path, ("\n".join([*top, *lines[table:]]) + "\n").encode(), READABLE)


def _set(copy: Following) -> CosignerSet:
    """The set in force for the next block. Raises SuccessionNone where there is none besides the operator."""
    present = copy.ledger.set_at(copy.height + 1)
    if present is None or len(present.cosigners) < 2:
        raise rules.SuccessionNone()
    return present


def _root(copy: Following, height: int) -> str:
    return copy.ledger.header(height).header.app_hash if height else merkle.EMPTY_ROOT.hex()


def _taken(copy: Following, said: Succession) -> bool:
    """Whether this copy has gone on by this very succession."""
    if copy.height <= said.height or _root(copy, said.height) != said.app_hash:
        return False
    found = copy.ledger.set_at(said.height + 1)
    return (
        found is not None
        and (found.since, found.operator) == (said.height + 1, said.operator)
        and bool(found.succeeds)
    )
