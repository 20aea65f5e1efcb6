"""Many seeds, over several processes: what each came to, until one fails."""

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Thread
from traceback import extract_tb
from types import MappingProxyType
from typing import Any, NamedTuple

from hansa.kernel.refusal import Refusal
from hansa.simulation.simulator.disks import Disk
from hansa.simulation.simulator.files import FileDisk
from hansa.simulation.simulator.loading import load
from hansa.simulation.simulator.plants import known
from hansa.simulation.simulator.run import Options, Verdict, finished
from hansa.simulation.simulator.scenario import Scenario

BATCH = 5
"""Seeds that a process is given at a time; after them it clears up its memory."""
REAL_EVERY = 20
"""Each seed divisible by it has real signatures, and SQLite files for disks."""
MEMORY = Path("/dev/shm")
"""Where files are written to no device, on Linux."""


class ProgramFailed(Refusal, code="simulator.program_failed", field="scenario"):
    zh = (
        "种子 {seed} 运行中程序自身出错：{detail}。这不是承诺未成立，而是场景或模拟器的错误。"
        "请改正后用 --first-seed {seed} --seeds 1 重试。"
    )
    en = (
        "Over seed {seed} the program itself failed: {detail}. No promise was broken: it is a mistake in the "
        "scenario or in the simulator. Mend it and try --first-seed {seed} --seeds 1."
    )


class ProcessLost(Refusal, code="simulator.process_lost", field="workers"):
    zh = "一个工作进程被系统结束（多为内存不足）。请减少 --workers 后重试。"
    en = "The system ended one of the processes, mostly for want of memory. Try again with fewer --workers."


class Job(NamedTuple):
    """What is the same for all seeds; small, since it goes to other processes."""

    blocks: int = 100
    scenario: Path | None = None
    plant: str = ""
    real_every: int = REAL_EVERY
    """0: no seed."""
    folder: Path | None = None
    """Where files of disks are written; None: where the system keeps what is for a moment."""


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
    happened: Mapping[str, int] = MappingProxyType({})
    """How often what went wrong, by kind."""


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
                folder = stack.enter_context(_folder(self.job.folder))
                options = replace(options, real=True, make_disk=_Disks(folder, seed))
            if self.job.plant:
                plant = known()[self.job.plant]
                options = stack.enter_context(plant.into(options, Random(f"{seed}/plant")))
            yield options

    def is_real(self, seed: int) -> bool:
        return self.job.real_every > 0 and seed % self.job.real_every == 0

    def run(self, seed: int) -> Verdict:
        """Raises ProgramFailed."""
        with self.options(seed) as options, self.naming(seed):
            return finished(seed, self.scenario, options)

    @contextmanager
    def naming(self, seed: int) -> Iterator[None]:
        """Whatever fails in here that is no broken promise is told with its seed and its place: the innermost
        of the scenario's own file, if it goes through that. Raises ProgramFailed.
        """
        try:
            yield
        except Exception as error:
            frames, own = extract_tb(error.__traceback__), self.job.scenario
            last = [at for at in frames if own and Path(at.filename).resolve() == own.resolve()] or frames
            place = f"{Path(last[-1].filename).name}, line {last[-1].lineno}"
            raise ProgramFailed(seed=seed, detail=f"{place}: {type(error).__name__}: {error}") from error

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
            verdict.happened,
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


@contextmanager
def _folder(within: Path | None = None) -> Iterator[Path]:
    """A folder for a while, in memory where there is such a place."""
    where = within or (MEMORY if MEMORY.is_dir() else None)
    with TemporaryDirectory(prefix="hansa-sim-", dir=where) as folder:
        yield Path(folder)


# Over processes.

_here: list[Stage] = []


def _begin(job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The command that started it says when it is over.
    Thread(target=_end_with_parent, args=(job.folder,), daemon=True).start()
    _here.append(stage(job))
    gc.disable()
    gc.freeze()


def _end_with_parent(folder: Path | None) -> None:
    """However the command ends, nobody works on for it, and nothing of it stays."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(folder or "", ignore_errors=True)
        os._exit(1)


def _batch(seeds: range, go_on: bool) -> tuple[list[Summary], dict[str, Any]]:
    """What they came to; and of what ended it before its time the values of ProgramFailed, which as an
    exception would not come through between processes.
    """
    found: list[Summary] = []
    for seed in seeds:
        try:
            found.append(_here[0].summary(seed))
        except ProgramFailed as failed:
            return found, failed.values
        if found[-1].rule and not go_on:
            break
    gc.collect()
    return found, {}


def sweep(
    job: Job, seeds: range, workers: int, tell: Callable[[Summary], None], *, go_on: bool = False
) -> None:
    """Run seeds, and tell of each as it is done; in order within a batch. Ends after the first that fails
    unless it is to `go_on`; those that are under way are waited for. Raises ProgramFailed, ProcessLost; then,
    and where the caller is interrupted, the processes end at once.
    """
    batches = (seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH))
    waiting: set[Future[tuple[list[Summary], dict[str, Any]]]] = set()
    failed = False
    others = active_children()
    with ExitStack() as stack:
        own = job._replace(folder=stack.enter_context(_folder()))
        context = get_context("spawn")
        pool = stack.enter_context(ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(own,)))
        try:
            while True:
                if not failed or go_on:
                    ready = islice(batches, 2 * workers - len(waiting))
                    waiting.update(pool.submit(_batch, batch, go_on) for batch in ready)
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for each in done:
                    summaries, trouble = each.result()
                    for found in summaries:
                        failed = failed or bool(found.rule)
                        tell(found)
                    if trouble:
                        raise ProgramFailed(**trouble)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                if child not in others:
                    child.terminate()
            if isinstance(error, BrokenProcessPool):
                raise ProcessLost() from error
            raise
