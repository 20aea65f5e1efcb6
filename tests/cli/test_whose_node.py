"""`hansa restore --from URL` opens a session at nobody's node but the one that is meant."""

from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import CosignerSet, UpdateMember
from hansa.apps.rooms import registry
from hansa.cli import operate
from hansa.cli.common import WrongCommand
from hansa.cli.operate import _whose
from hansa.cli.sending import send
from hansa.cli.serve import _later_operator
from hansa.client.profiles import Profile
from hansa.kernel import encode
from hansa.kernel.evidence import Cosigner
from tests.consortium import Consortium, genesis

OF = Profile(
    url="https://op.example/", member="bank", key="k1", chain="ab" * 32, follower="https://own.example",
    node="maker",
)  # fmt: skip


class Double:
    """Has what it is given."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    consortium = Consortium(tmp_path / "ledger.db")
    (tmp_path / "genesis.json").write_bytes(consortium.node.genesis_bytes)
    consortium.do("plant", UpdateMember(size="small", roles=("plant",), node_url="https://plant.example"))
    consortium.close()
    return tmp_path


def whose(directory: Path, *urls: str) -> list[tuple[str, str]]:
    return list(_whose(directory, urls, OF))


def test_it_is_known_by_the_ledger_the_profile_or_as_given(directory: Path) -> None:
    given = (
        "https://plant.example/",
        "https://own.example",
        "https://op.example",
        "auditor=https://a.example",
    )
    assert whose(directory, *given) == [
        ("plant", "https://plant.example/"), ("bank", "https://own.example"), ("maker", "https://op.example"),
        ("auditor", "https://a.example"),
    ]  # fmt: skip


def test_it_is_known_by_the_settings(directory: Path) -> None:
    (directory / "node.toml").write_text('member = "maker"\n[peers]\nbank = "http://10.0.0.7:8420"\n')
    assert whose(directory, "http://10.0.0.7:8420") == [("bank", "http://10.0.0.7:8420")]


def test_without_a_ledger_it_is_known_by_the_rest(directory: Path) -> None:
    """All blocks may have to come from others: the ledger that is lost cannot say whose they are."""
    (directory / "node.toml").write_text('member = "maker"\n[peers]\nbank = "http://10.0.0.7:8420"\n')
    (directory / "ledger.db").unlink()
    assert whose(directory, "http://10.0.0.7:8420", "plant=https://p.example", "https://own.example") == [
        ("bank", "http://10.0.0.7:8420"), ("plant", "https://p.example"), ("bank", "https://own.example"),
    ]  # fmt: skip
    with pytest.raises(WrongCommand, match="MEMBER="):
        whose(directory, "https://plant.example")


@pytest.mark.parametrize("url", ["https://stranger.example", "https://x.example/a=b", "="])
def test_one_that_nobody_named_is_not_asked(directory: Path, url: str) -> None:
    with pytest.raises(WrongCommand, match="MEMBER="):
        whose(directory, url)


def test_the_ledgers_word_counts_where_the_profile_has_none(directory: Path) -> None:
    unnamed = Profile(url="https://plant.example", member="bank", key="k1", chain="ab" * 32)
    assert list(_whose(directory, ("https://plant.example",), unnamed)) == [
        ("plant", "https://plant.example")
    ]


def test_an_export_opens_a_session_at_a_named_node_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Profile] = []

    class Asked:
        """A desk that is told which profile to use."""

        def __init__(self) -> None:
            self.profile = OF

        @property
        def node(self) -> Any:
            asked.append(self.profile)
            raise LookupError

    monkeypatch.setattr(operate, "desk", lambda *_: Asked())
    given = ("https://op.example", "https://own.example/", "auditor=https://a.example")
    for source in given:
        with pytest.raises(LookupError), operate._source("en", source, "", ""):
            pass
    assert [(profile.url, profile.node) for profile in asked] == [
        ("https://op.example/", "maker"), ("https://own.example/", "bank"), ("https://a.example", "auditor"),
    ]  # fmt: skip
    with pytest.raises(WrongCommand, match="MEMBER="), operate._source("en", "https://x.example", "", ""):
        pass
    assert len(asked) == 3


def test_a_new_follower_is_told_of_an_operator_that_its_empty_copy_cannot_know() -> None:
    """Else it would open its first session at the founding operator's alone."""
    seat = Cosigner(member="bank", public=bytes(32))
    sets = {
        name: CosignerSet(operator=name, cosigners=(seat,), quorum=1, since=7) for name in ("maker", "bank")
    }
    founded = encode(genesis(registry()))
    asked = {"none": None, **sets}
    told = {
        name: _later_operator(Double(genesis=founded, ask=lambda *_, found=found: found))  # type: ignore[arg-type]
        for name, found in asked.items()
    }
    assert told == {"none": {}, "maker": {}, "bank": {"follow_node": "bank"}}


def test_acknowledgements_are_handed_to_ones_own_node_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the authority of the profile; another node at that address gets no session."""
    made: list[dict[str, Any]] = []

    class Follower:
        def __init__(self, url: str, **more: Any) -> None:
            made.append({"url": url, **more})

        def __enter__(self) -> "Follower":
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is open."""

        def hand_over(self, word: bytes) -> None:
            """It takes all."""

    monkeypatch.setattr("hansa.client.http.Http", Follower)
    profile = Profile(
        url="https://op.example", member="bank", key="k1", chain="ab" * 32, follower="https://own.example",
        ca="/ca.pem",
    )  # fmt: skip
    outbox = Double(flush=lambda *_, **__: None, hand_over=lambda give: 0, put_aside=dict)
    send(Double(profile=profile, node=None, pen=None, key=Double(signer=None), lang="en"), outbox)  # type: ignore[arg-type]
    assert [(one["url"], one["node"], one["ca"]) for one in made] == [
        ("https://own.example", "bank", Path("/ca.pem"))
    ]
