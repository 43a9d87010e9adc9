"""Steps of a run done by the workers of dask: on this machine, under Slurm, or wherever they are.

Workers get no more than the name of a step; what it takes and gives lies in the plan's folder,
which all of them see. One that is lost has its step done again by another.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.forkserver import ensure_running
from typing import TYPE_CHECKING, Any

from dbgclean.errors import DbgcleanError, UsageError

if TYPE_CHECKING:
    from dbgclean.log import Progress
    from dbgclean.pipeline.plan import Plan
    from dbgclean.pipeline.steps import Doer

__all__ = ["LOCAL", "SLURM", "workers_at"]

logger = logging.getLogger(__name__)

LOCAL, SLURM = "local", "slurm"
# Workers that a step may lose before it is taken for what kills them.
_MOST_LOST = 10
_SECONDS = "120s"
# Dask for work that takes seconds, not milliseconds: by itself it takes a twentieth of each core.
_CALM = {
    "distributed.admin.tick.interval": "500ms",
    "distributed.worker.profile.enabled": False,
}
_INSTALL = "pip install 'dbgclean[cluster]'"


@contextmanager
def workers_at(where: str, workers: int, memory: int | None = None) -> Iterator[Doer]:
    """Workers that do steps, gone at the end where they were started here.

    Parameters
    ----------
    where
        ``local``: processes of this machine; ``slurm``: jobs, as the user's configuration of
        dask-jobqueue has them; else the address of a dask scheduler.
    workers
        How many to start.
    memory
        Bytes that a Slurm job asks for.

    Raises
    ------
    UsageError
        If dask is not installed, or nothing answers at the address.
    """
    if where == LOCAL:
        # One process loads what steps need, while this one does; workers are forked from it.
        multiprocessing.set_forkserver_preload(["dbgclean.pipeline.preloaded"])
        ensure_running()
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        msg = f"--cluster {where}: dask is not installed; {_INSTALL}"
        raise UsageError(msg) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    settings = _CALM | {
        "distributed.scheduler.allowed-failures": _MOST_LOST,
        "distributed.comm.timeouts.connect": "10s",
        "distributed.worker.multiprocessing-method": "forkserver",
    }
    with dask.config.set(settings), ExitStack() as stack:
        try:
            cluster = _cluster(where, memory)
            if cluster is not where:
                stack.enter_context(cluster)
            client = stack.enter_context(Client(cluster, timeout=_SECONDS))
            if cluster is not where:
                # Last, or all of the above waits for them: they come while reads are cut.
                cluster.scale(workers)
        except (OSError, ValueError) as error:
            msg = f"--cluster {where}: no dask scheduler answers ({error}); check the address"
            raise UsageError(msg) from error
        yield lambda plan, name, missing, progress: _do(client, plan, name, missing, progress)


def _cluster(where: str, memory: int | None) -> Any:
    """A cluster of dask's without workers, or the address of one."""
    if where == LOCAL:
        from distributed import LocalCluster

        cluster: Any = LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            # Workers map large files: what they hold is mostly the kernel's to take back.
            memory_limit=0,
            dashboard_address=None,
        )
    elif where == SLURM:
        try:
            from dask_jobqueue import SLURMCluster
        except ImportError as error:
            msg = f"--cluster {where}: dask-jobqueue is not installed; {_INSTALL}"
            raise UsageError(msg) from error
        asked: dict[str, Any] = {} if memory is None else {"memory": f"{memory >> 20}MiB"}
        cluster = SLURMCluster(cores=1, processes=1, **asked)
    else:
        return where
    return cluster


def _do(client: Any, plan: Plan, name: str, missing: list[int], progress: Progress) -> None:
    """Have steps done, the first that fails ending it."""
    from distributed import KilledWorker, as_completed

    from dbgclean.pipeline.plan import do_step

    futures = client.map(lambda block: do_step(str(plan.folder), name, block), missing, pure=False)
    numbers = dict(zip(futures, missing, strict=True))
    try:
        for future in as_completed(futures):
            future.result()
            progress.advance()
    except KilledWorker as error:
        lost = ", ".join(str(numbers[f]) for f in futures if f.status == "error")
        msg = (
            f"{plan.folder}: step {name} {lost} lost {_MOST_LOST} workers; give them more memory, "
            "or more --blocks"
        )
        raise DbgcleanError(msg) from error
    finally:
        client.cancel(futures)
