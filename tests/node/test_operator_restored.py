"""An operator that genesis did not name loses its ledger: it follows first, as the page on backups says."""

from pathlib import Path

import pytest

from tests.node.test_succession import FOLLOWERS, NEW, Members, grown, handed, level
from tests.waiting import until

WAIT_S = 30


def turned(members: Members, role: str, source: str = "") -> None:
    """The successor's settings as the page has them changed by hand: what it is, and whom it follows."""
    path = members.place(NEW) / "node.toml"
    left = [line for line in path.read_text().splitlines() if not line.startswith(("role", "follow"))]
    given = [f'role = "{role}"']
    if source:
        given += [f'follow = "{members.url(source)}"', f'follow_node = "{source}"']
    path.write_text("\n".join([*given, *left]) + "\n")


@pytest.mark.parametrize("backed_up", [True, False])
def test_a_successor_without_a_later_backup_follows_first(tmp_path: Path, backed_up: bool) -> None:
    members = Members(tmp_path)
    plant, place, file = members.shell(NEW), members.place(NEW), tmp_path / "handover.json"
    grown(members, 2, *FOLLOWERS)
    members.sequence = 2
    plant.do("backup", place, tmp_path / "backup")
    handed(members, file, "bank", "auditor")
    plant.do("succession", "start", place, file, "--yes")
    for member in ("bank", "auditor"):
        taking = ("succession", "take", members.place(member), file)
        members.shell(member).do(*taking, "--url", members.url(NEW), "--yes")
    with members.running(NEW, "bank", "auditor"):
        members.final("bank", 3)
        last = members.enter(NEW)
        assert until(lambda: level(members, "bank", height=last), WAIT_S)
    for path in [*place.glob("ledger.db*"), *(() if backed_up else place.glob("signed.db*"))]:
        path.unlink()

    if backed_up:
        plant.do("restore", tmp_path / "backup", place)
    asks = ("restore", place, "--from", f"bank={members.url('bank')}")
    with members.running("bank"):
        plant.refused("engine.wrong_node_key", *asks)
        turned(members, "follower", "bank")
        with members.running(NEW):
            assert until(lambda: level(members, NEW, height=last), WAIT_S)
        turned(members, "operator")
        plant.do(*asks)
        with members.running(NEW):
            height = members.enter(NEW)
            assert height == last + 1
            assert until(lambda: level(members, "bank", height=height), WAIT_S)
