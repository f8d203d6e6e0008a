"""One model with one seed, fitted and asked in a process of its own, so that its peak of memory is its own.

`python -m gnn.evaluation.job JOB OUTCOME` reads the pickled Job and writes the Outcome. What it
unpickles was written a moment ago by the benchmark itself, into temporary folders that nobody else can enter.
"""

import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kg.errors import ModelError, ShopgraphError

_FAILED = 3  # exit code of a job that says why on its standard output


class Job(NamedTuple):
    """What to fit and how far to rank."""

    model: str
    seed: int
    params: dict[str, Any]
    k: int
    shop: Path  # pickled (ShopData, Split)
    folder: Path | None  # where the gnn keeps its checkpoints


class Outcome(NamedTuple):
    """What came of it. Every figure of the report follows from the rankings."""

    rankings: dict[str, npt.NDArray[np.int32]]  # judgement -> recommended items, best first, [n_users, k]
    fit_seconds: float  # choosing the epochs and fitting again, an interrupted run included
    peak_mb: float  # most memory the process held until then, the shop's data and a GPU's included
    epochs: int  # 0 for models without epochs
    curve: list[dict[str, float]]  # of the run that chose the epochs

    def save(self, path: Path) -> None:
        """Write one file; it is there whole or not at all."""
        about = json.dumps(self._asdict() | {"rankings": None})
        arrays: dict[str, Any] = {"about": about, **self.rankings}
        written = path.with_suffix(".tmp")
        with written.open("wb") as file:
            np.savez_compressed(file, **arrays)
        written.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Outcome":
        with np.load(path) as file:
            about = json.loads(str(file["about"]))
            return cls(**about | {"rankings": {name: file[name] for name in file.files if name != "about"}})


def run_apart(job: Job) -> Outcome:
    """Run a job in a fresh process.

    Raises:
        ModelError: the model failed, with its reason, or its process was killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "job.pkl", Path(folder) / "outcome.npz"
        asked.write_bytes(pickle.dumps(job))
        command = [sys.executable, "-m", "gnn.evaluation.job", str(asked), str(answered)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            return Outcome.load(answered)
    if done.returncode == _FAILED:
        raise ModelError(done.stdout.strip())
    if done.returncode < 0:
        raise ModelError(f"its process was killed by signal {-done.returncode}; was there memory enough?")
    raise ModelError(f"its process ended with code {done.returncode}; see the lines above.")


def run(job: Job) -> Outcome:
    """Fit, then rank for every judgement of the split."""
    from gnn.evaluation.evaluate import rank
    from gnn.evaluation.judgements import REPEATS, test_judgements
    from gnn.evaluation.params import checked
    from gnn.evaluation.rivals import FREQUENCY, fit_model, parameters

    data, parts = pickle.loads(job.shop.read_bytes())
    kind = parameters(job.model)
    started = time.monotonic()
    chosen = fit_model(
        job.model, data, parts, checked(kind, job.params, job.model), job.seed, folder=job.folder
    )
    seconds, peak = time.monotonic() - started + chosen.earlier, peak_mb() + device_mb()
    judged = test_judgements(data, parts)
    if job.model == FREQUENCY:
        judged = {REPEATS: judged[REPEATS]}
    rankings = {name: rank(chosen.scorer, asked, job.k) for name, asked in judged.items()}
    return Outcome(rankings, seconds, peak, chosen.epochs, chosen.curve)


def peak_mb() -> float:
    """Most memory that this process has held, in MB.

    Linux hands a parent's ru_maxrss on to the processes it starts, so there the high-water mark of this very
    program is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def device_mb() -> float:
    """Most memory of a GPU that this process's tensors have held, in MB; 0 without one."""
    torch = sys.modules.get("torch")
    held = torch.cuda.max_memory_allocated() if torch and torch.cuda.is_initialized() else 0
    return float(held) / 1024**2


def main(asked: Path, answered: Path) -> None:
    """Run the job of a file."""
    job: Job = pickle.loads(asked.read_bytes())
    try:
        run(job).save(answered)
    except (ShopgraphError, ImportError, ArithmeticError, MemoryError) as error:
        sys.stdout.write(str(error) or type(error).__name__)
        sys.exit(_FAILED)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
