"""A run: the same from the same seed, sound where nothing is planted, and quick to see what is."""

import gc
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application, Made
from hansa.kernel.apply import Applied
from hansa.kernel.state import Overlay
from hansa.simulation.simulator.disks import FastDisk
from hansa.simulation.simulator.fast_store import FastStore
from hansa.simulation.simulator.faults import Fault
from hansa.simulation.simulator.files import FileDisk
from hansa.simulation.simulator.run import Options, Run, Script, Verdict, finished
from tests.simulation.simulator.attesting import scenario

ROOT = Path(__file__).parents[3]
SCENARIO = scenario()


def run(seed: int, **options: Any) -> Verdict:
    made = Run(seed, SCENARIO, Options(**({"blocks": 25} | options)))
    try:
        return made.finish()
    finally:
        made.close()


def test_runs_hold_and_do_what_was_asked() -> None:
    verdicts = [run(seed) for seed in range(8)]
    assert [verdict.broken for verdict in verdicts] == [None] * 8
    for verdict in verdicts:
        assert verdict.height >= 25
        assert verdict.transactions >= 2 * verdict.height
    assert sum(verdict.troubles for verdict in verdicts) > 8


PRINTED = """
from hansa.simulation.simulator.sweep import Job, stage
there = stage(Job(blocks=8, real_every=3))
print([there.summary(seed) for seed in (1, 2, 3)])
"""


def test_a_seed_is_the_same_story_in_every_process() -> None:
    """Also where the order of sets is another; and whatever ran before it in the process."""
    told = set()
    for hashing, first in (("0", ""), ("1", "there.summary(9)\n")):
        code = PRINTED.replace("print", first + "print")
        told.add(
            subprocess.run(
                [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": hashing}, cwd=ROOT,
                capture_output=True, text=True, check=True,
            ).stdout
        )  # fmt: skip
    (only,) = told
    assert only.count("Summary(") == 3


def test_another_seed_is_another_story() -> None:
    assert len({run(seed).trace for seed in (1, 1, 2, 3)}) == 3


def test_runs_hold_on_real_files_that_crashes_tear_and_with_real_signatures(tmp_path: Path) -> None:
    lives = 0
    for seed in range(3):
        disks: list[FileDisk] = []

        def disk(number: int, seed: int = seed, disks: list[FileDisk] = disks) -> FileDisk:
            disks.append(FileDisk(tmp_path / f"{seed}-{number}", Random(number)))
            return disks[-1]

        verdict = run(seed, real=True, make_disk=disk)
        assert verdict.broken is None
        assert verdict.height >= 25
        lives += sum(each.lives for each in disks)
    assert lives, "nothing crashed"


# What is planted is found.


def broken_by(seeds: range, **options: Any) -> str:
    """The rule that the first of these seeds broke; empty: none."""
    for seed in seeds:
        found = run(seed, **options).broken
        if found is not None:
            return found.rule
    return ""


class Forgetful(FastStore):
    """Leaves a record of each commit unwritten, from some height on."""

    def write_records(self, changes: Any) -> None:
        super().write_records(dict(list(changes.items())[1:]) if self._height >= 12 else changes)


def test_a_lost_write_is_found() -> None:
    store = FastStore

    def disk(number: int) -> FastDisk:
        return FastDisk(Forgetful if number == 1 else store)

    assert broken_by(range(5), make_disk=disk) in ("one hash", "records")


class OwnMind(Application):
    """The third of each run's applications says something else now and then."""

    made = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        OwnMind.made += 1
        self.odd = OwnMind.made % 4 == 3


class OtherHash(OwnMind):
    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        answer = super().finalize_block(asked)
        return answer._replace(app_hash=bytes(32)) if self.odd and asked.height == 9 else answer


class OtherResult(OwnMind):
    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        answer = super().finalize_block(asked)
        codes = tuple(abci.TxResult(1) for _ in answer.tx_results)
        return answer._replace(tx_results=codes) if self.odd and asked.height > 9 else answer


class TooFewResults(OwnMind):
    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        answer = super().finalize_block(asked)
        return answer._replace(tx_results=answer.tx_results[1:])


class OtherValidators(OwnMind):
    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        answer = super().finalize_block(asked)
        update = abci.ValidatorUpdate(abci.PublicKey(bytes(32)), 7)
        return answer._replace(validator_updates=(update,)) if self.odd and asked.height > 9 else answer


class AcceptsAll(OwnMind):
    def process_proposal(self, asked: abci.ProcessProposal) -> abci.ProcessProposalAnswer:
        return abci.ProcessProposalAnswer(abci.Status.ACCEPT)


class RefusesSome(OwnMind):
    def process_proposal(self, asked: abci.ProcessProposal) -> abci.ProcessProposalAnswer:
        answer = super().process_proposal(asked)
        return answer._replace(status=abci.Status.REJECT) if self.odd and asked.height == 9 else answer


class NoAnswer(OwnMind):
    def process_proposal(self, asked: abci.ProcessProposal) -> abci.ProcessProposalAnswer:
        return abci.ProcessProposalAnswer()


class AheadOfItself(OwnMind):
    """Says after a crash that it has less than it answered."""

    def info(self, asked: abci.Info) -> abci.InfoAnswer:
        answer = super().info(asked)
        return answer._replace(last_block_height=max(0, answer.last_block_height - 1))


class AnswersBefore(OwnMind):
    """Answers a commit whose block it does not make durable."""

    def commit(self, asked: abci.Commit) -> abci.CommitAnswer:
        if self.odd and self.engine_height == 15:
            self.engine_height += 1
            return abci.CommitAnswer()
        return super().commit(asked)


class ProposesNothing(OwnMind):
    def prepare_proposal(self, asked: abci.PrepareProposal) -> abci.PrepareProposalAnswer:
        return abci.PrepareProposalAnswer()


class TakesNothing(OwnMind):
    """Lets nothing wait for a block any more: then nothing waits, and all seems well."""

    def check_tx(self, asked: abci.CheckTx) -> abci.CheckTxAnswer:
        return abci.CheckTxAnswer(code=1) if self.engine_height > 9 else super().check_tx(asked)


class OneTakesNothing(OwnMind):
    def check_tx(self, asked: abci.CheckTx) -> abci.CheckTxAnswer:
        return abci.CheckTxAnswer(code=1) if self.odd else super().check_tx(asked)


class TellsOtherwise(OwnMind):
    """Tells its clients of another height than that of the block."""

    def _tell(self, made: Made) -> None:
        super()._tell(made._replace(height=made.height + 1) if made.height == 7 else made)


@pytest.mark.parametrize(
    ("wrong", "rules"),
    [
        (OtherHash, {"one hash"}),
        (OtherResult, {"one result"}),
        (TooFewResults, {"contract"}),
        (OtherValidators, {"validators"}),
        (AcceptsAll, {"proposal"}),
        (RefusesSome, {"proposal"}),
        (NoAnswer, {"contract"}),
        (AheadOfItself, {"durable"}),
        (AnswersBefore, {"one hash", "one height", "durable"}),
        (ProposesNothing, {"liveness"}),
        (TakesNothing, {"liveness"}),
        (OneTakesNothing, {"liveness"}),
        (TellsOtherwise, {"acknowledged"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_an_application_that_breaks_the_engine_s_contract_is_found(
    wrong: type[OwnMind], rules: set[str]
) -> None:
    wrong.made = OwnMind.made = 0
    assert broken_by(range(12), make_application=wrong) in rules


# What the checks rest on.


def script(*troubles: tuple[int, Fault]) -> Script:
    whole = run(4).script
    return Script(whole.sent, troubles, whole.until_ms)


def test_a_script_is_played_in_the_place_of_traffic_and_plan() -> None:
    whole = run(4)
    some = Script(whole.script.sent[:10], (), whole.script.until_ms)
    again = run(4, script=some)
    assert again.broken is None
    assert again.troubles == 0
    assert again.transactions == 10 + len(SCENARIO.companies)  # One more by each node, once all is well.


def test_a_node_that_lost_its_disk_comes_back(tmp_path: Path) -> None:
    whole = run(4).script
    wiped = Fault(0, "wipe", (2,), 500)
    middle = whole.sent[len(whole.sent) // 2].time_ms
    verdict = run(4, script=Script(whole.sent, ((middle, wiped),), whole.until_ms), tell=True)
    assert verdict.broken is None
    assert ("restored", 2) in [(noted.what, *noted.values[:1]) for noted in verdict.diary]


def test_the_memory_of_a_run_that_is_over_need_not_be_searched_for() -> None:
    def alive() -> int:
        return sum(type(each) in (Applied, Overlay, Run) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = alive()
        assert finished(4, SCENARIO, Options(blocks=25)).transactions
        assert alive() == before
    finally:
        gc.enable()
