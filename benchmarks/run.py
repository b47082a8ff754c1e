"""The benchmarks, one after the other, long ones in part: `make bench`, some ten minutes. Each prints its own table.

The others measure what rarely changes or take long: `barrier_scale.py`, `numbers.py`, `order.py`, `vta_target.py`.
"""

import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    ("speed.py",),
    ("modes.py",),
    ("barriers.py", "--quick"),
    ("firmware.py", "--quick"),
    ("management.py", "--quick"),
    ("starvation.py", "--networks", "inception_v1", "--machines", "npu40xx:4"),
    ("pipeline_scale.py", "--networks", "cnn", "--tasks", "10000,30000"),
    ("proofs.py", "--networks", "squeezenet", "shufflenet", "--machines", "npu40xx:4"),
    ("fwlm_cases.py",),
    ("vta.py", "--quick"),
)


def main() -> int:
    """The worst exit code of the scripts."""
    here = Path(__file__).parent
    worst = 0
    for script, *options in SCRIPTS:
        print(f"--- {script}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, here / script, *options], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
