"""Many seeds, over several processes: what each came to, until one fails."""

import gc
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hansa.simulation.simulator.disks import Disk
from hansa.simulation.simulator.files import FileDisk
from hansa.simulation.simulator.loading import load
from hansa.simulation.simulator.plants import known
from hansa.simulation.simulator.run import Options, Run, Verdict
from hansa.simulation.simulator.scenario import Scenario

BATCH = 5
"""Seeds that a process is given at a time; after them it clears up its memory."""
REAL_EVERY = 20
"""Each seed divisible by it has real signatures, and SQLite files for disks."""
MEMORY = Path("/dev/shm")
"""Where files are written to no device, on Linux."""


class Job(NamedTuple):
    """What is the same for all seeds; small, since it goes to other processes."""

    blocks: int = 100
    scenario: Path | None = None
    plant: str = ""
    real_every: int = REAL_EVERY
    """0: no seed."""


class Summary(NamedTuple):
    """What a seed came to. Counts are those of the ledger's blocks and the transactions in them."""

    seed: int
    height: int
    transactions: int
    troubles: int
    trace: str
    """SHA-256 over all that happened."""
    real: bool
    rule: str = ""
    """Which promise did not hold; empty: all did."""
    what: str = ""


@dataclass(frozen=True)
class Stage:
    """A scenario with what a command asks of it."""

    job: Job
    scenario: Scenario

    @contextmanager
    def options(self, seed: int) -> Iterator[Options]:
        """How this seed is run: with real disks, or a planted fault."""
        options = Options(blocks=self.job.blocks)
        with ExitStack() as stack:
            if self.is_real(seed):
                where = MEMORY if MEMORY.is_dir() else None
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="hansa-sim-", dir=where)))
                options = replace(options, real=True, make_disk=_Disks(folder, seed))
            if self.job.plant:
                plant = known()[self.job.plant]
                options = stack.enter_context(plant.into(options, Random(f"{seed}/plant")))
            yield options

    def is_real(self, seed: int) -> bool:
        return self.job.real_every > 0 and seed % self.job.real_every == 0

    def run(self, seed: int) -> Verdict:
        with self.options(seed) as options:
            run = Run(seed, self.scenario, options)
            try:
                return run.finish()
            finally:
                run.close()

    def summary(self, seed: int) -> Summary:
        verdict = self.run(seed)
        broken = verdict.broken
        return Summary(
            seed,
            verdict.height,
            verdict.transactions,
            verdict.troubles,
            verdict.trace,
            self.is_real(seed),
            broken.rule if broken else "",
            broken.what if broken else "",
        )


class _Disks:
    """A folder of its own for each disk of each run of a seed: shrinking runs it many times."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed, self._made = folder, seed, 0

    def __call__(self, number: int) -> Disk:
        self._made += 1
        return FileDisk(self._folder / str(self._made), Random(f"{self._seed}/disk/{number}"))


def stage(job: Job) -> Stage:
    """Raises ScenarioUnusable."""
    return Stage(job, load(job.scenario))


# Over processes.

_here: list[Stage] = []


def _begin(job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The command that started it says when it is over.
    _here.append(stage(job))
    gc.disable()
    gc.freeze()


def _batch(seeds: range) -> list[Summary]:
    found: list[Summary] = []
    for seed in seeds:
        found.append(_here[0].summary(seed))
        if found[-1].rule:
            break
    gc.collect()
    return found


def sweep(
    job: Job, seeds: range, workers: int, tell: Callable[[Summary], None], *, go_on: bool = False
) -> None:
    """Run seeds, and tell of each as it is done; in order within a batch. Ends after the first that fails
    unless it is to `go_on`; those that are under way are waited for. An error of the simulator itself, or of
    a scenario's own code, is raised.
    """
    batches = iter([seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)])
    waiting: set[Future[list[Summary]]] = set()
    failed = False
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(job,)) as pool:
        try:
            while True:
                while len(waiting) < 2 * workers and (not failed or go_on):
                    batch = next(batches, None)
                    if batch is None:
                        break
                    waiting.add(pool.submit(_batch, batch))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for each in done:
                    for found in each.result():
                        failed = failed or bool(found.rule)
                        tell(found)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
