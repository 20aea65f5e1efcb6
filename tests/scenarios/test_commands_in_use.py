"""The commands as users run them, each in a process of its own."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from hansa.simulation import demo as plays
from tests.demo_run import DemoRun


@pytest.fixture(scope="module")
def ran(demo_run: DemoRun) -> tuple[Path, Any]:
    """`hansa demo --json` and its folder."""
    assert demo_run.status == 0, demo_run.err
    return demo_run.folder, demo_run


def test_in_one_process_there_is_nobody_to_follow_and_the_folder_is_made_anew(
    hansa: Any, tmp_path: Path
) -> None:
    first = hansa("demo", "--json", "--one-process", "--data", tmp_path / "data")
    second = hansa("demo", "--json", "--one-process", "--data", tmp_path / "data")

    assert (first.status, second.status) == (0, 0), first.err + second.err
    assert first.out == second.out
    assert first.json["followers"] == first.json["cheats"] == []
    assert first.json["statements"]


def test_demo_prints_one_json_object_and_leaves_its_files(ran: tuple[Path, Any]) -> None:
    _, done = ran
    shown = done.json

    assert shown["verified"] is True
    assert shown["tampering_found"] is True
    for name in ("evidence_file", "genesis_file", "report_file"):
        assert Path(shown[name]).is_absolute()
        assert Path(shown[name]).is_file()
    assert [each["period"] for each in shown["statements"]] == [
        ["2026-08-20T00:00:00+08:00", "2026-09-01T00:00:00+08:00"],
        ["2026-09-01T00:00:00+08:00", "2026-10-01T00:00:00+08:00"],
    ]
    for statement in shown["statements"]:
        for key in ("net_minor", "tax_minor", "gross_minor"):
            assert statement[key] == sum(line[key] for line in statement["lines"])
        assert statement["net_minor"] + statement["tax_minor"] == statement["gross_minor"]


def test_verify_ends_with_0_only_when_all_holds(hansa: Any, ran: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = ran
    genesis = folder / "genesis.json"
    other = tmp_path / "other.json"
    other.write_bytes(genesis.read_bytes().replace(b"Jiangnan", b"Jiangbei"))

    assert hansa("verify", folder / "evidence.json", "--genesis", genesis).status == 0
    assert hansa("verify", folder / "evidence-tampered.json", "--genesis", genesis).status == 1
    assert hansa("verify", folder / "evidence.json", "--genesis", other).status == 1
    assert hansa("verify", genesis, "--genesis", genesis).status == 1


def test_verify_always_says_what_is_not_proved(hansa: Any, ran: tuple[Path, Any]) -> None:
    folder, _ = ran
    zh = hansa("--lang", "zh", "verify", folder / "evidence.json", "--genesis", folder / "genesis.json")
    en = hansa("--lang", "en", "verify", folder / "evidence.json", "--genesis", folder / "genesis.json")

    assert "未证明" in zh.out
    assert "not by a device" in en.out
    assert "Not proved" in en.out


def test_explain_goes_down_to_the_readings(hansa: Any, ran: tuple[Path, Any]) -> None:
    folder, _ = ran
    arguments = ("explain", folder / "evidence.json", "--genesis", folder / "genesis.json")
    shown = hansa("--lang", "en", *arguments, "--line", "3")

    assert shown.status == 0
    for word in ("Clause per_piece_good", "Signed by the gateway", "Anchor line7."):
        assert word in shown.out
    assert re.search(r"✓ Reading \d+, 2026-09-01", shown.out)
    assert hansa(*arguments, "--line", "99").status == 2


def test_what_if_writes_nothing(hansa: Any, ran: tuple[Path, Any], tmp_path: Path) -> None:
    folder, done = ran
    sheet = json.loads(Path(plays.__file__).with_name("packaging_line.json").read_text(encoding="utf-8"))
    sheet["elements"][0]["amount"] = "13000.00"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(sheet), encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    compared = hansa(
        "what-if", folder / "evidence.json", "--genesis", folder / "genesis.json", "--tariff", other, "--json"
    )

    assert compared.status == 0, compared.err
    stated, rated = ([each["net_minor"] for each in compared.json[which]] for which in ("stated", "other"))
    assert sum(stated) == sum(each["net_minor"] for each in done.json["statements"])
    begun, whole = (after - before for before, after in zip(stated, rated, strict=True))
    assert begun == round(1_000_00 * 12 / 31)  # Twelve days of August, pro rata.
    assert whole == 1_000_00 - 20_00  # The availability credit is 2 % of the fee.
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_demo_does_not_touch_a_folder_of_somebody_else(hansa: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")

    refused = hansa("--lang", "en", "demo", "--data", tmp_path)

    assert refused.status == 2
    assert "play.folder_taken" in refused.err
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_foreign_log_is_probed_and_settled(hansa: Any, ran: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = ran
    log = tmp_path / "log"
    shutil.copytree(folder / "log", log)
    mapping = tmp_path / "map.toml"

    probed = hansa("meter", "probe", log, "-o", mapping)
    dry = hansa("--lang", "en", "demo", "--log", log, "--map", mapping, "--dry-run", "--data", tmp_path / "x")
    done = hansa("demo", "--json", "--log", log, "--map", mapping, "--data", tmp_path / "data")

    assert probed.status == 0, probed.err
    assert dry.status == 0, dry.err
    assert not (tmp_path / "x").exists()
    assert done.status == 0, done.err
    assert done.json["statements"]
    assert all(each["caught_by"] for each in done.json["cheats"])
    assert len(done.json["cheats"]) == 4
    assert hansa("meter", "probe", log, "-o", mapping).status != 0  # never over an existing file


def test_a_refusal_is_json_too(hansa: Any, ran: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = ran
    tariff = Path(plays.__file__).with_name("packaging_line.json")
    mapping = tmp_path / "map.toml"
    text = (folder / "mapping.toml").read_text(encoding="utf-8")
    mapping.write_text(text.replace('name = "energy"', 'name = "power_used"'), encoding="utf-8")
    sheet = json.loads(tariff.read_text(encoding="utf-8"))
    sheet["meters"]["energy"]["base_unit"] = "g"
    for element in sheet["elements"]:
        if element.get("meter") == "energy":
            element["unit"] = "kg"
    other = tmp_path / "tariff.json"
    other.write_text(json.dumps(sheet), encoding="utf-8")

    refused = hansa(
        "demo",
        "--json",
        "--log",
        folder / "log",
        "--map",
        mapping,
        "--tariff",
        other,
        "--data",
        tmp_path / "d",
    )

    assert refused.status == 2
    refusal = refused.json["refusal"]
    assert refusal["code"] == "billing.meter_unbound"
    assert refusal["clause"] == "energy"
    assert refusal["zh"]
    assert refusal["en"]


def test_help_of_every_command(hansa: Any) -> None:
    assert hansa("--help").status == 0
    for command in ("demo", "meter", "verify", "explain", "what-if"):
        shown = hansa(command, "--help")
        assert shown.status == 0
        assert "Usage" in shown.out
