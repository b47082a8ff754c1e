"""All benchmarks, one after the other: `make bench`. Each prints its own table."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    ("speed.py",),
    ("modes.py",),
    ("barriers.py", "--quick"),
    ("firmware.py", "--quick"),
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
