"""The benchmarks, one after the other, long ones in part: `make bench`, some ten minutes. Each prints its own table.

The others measure what rarely changes or take long: `barrier_scale.py`, `numbers.py`, `order.py`, `vta_target.py`.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Arguments, to_names, tool

SCRIPTS = (
    ("speed.py",),
    ("modes.py",),
    ("barriers.py", "--quick"),
    ("firmware.py", "--quick"),
    ("management.py", "--quick"),
    ("starvation.py", "--networks", "inception_v1", "--machines", "npu40xx:4"),
    ("pipeline_scale.py", "--networks", "cnn", "--tasks", "10000,30000"),
    ("proofs.py", "--networks", "squeezenet,shufflenet", "--machines", "npu40xx:4"),
    ("fwlm_cases.py",),
    ("vta.py", "--quick"),
)


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """The worst exit code of the scripts."""
    parser = Arguments(__file__, __doc__)
    known = [Path(script).stem for script, *_ in SCRIPTS]
    parser.add_argument("--only", metavar="NAMES", type=to_names("script", known), default=known, help="by comma")
    chosen = parser.parse_args(argv).only
    here = Path(__file__).parent
    worst = 0
    for script, *options in SCRIPTS:
        if Path(script).stem in chosen:
            print(f"--- {script}", flush=True)
            worst = max(worst, subprocess.run([sys.executable, here / script, *options], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
