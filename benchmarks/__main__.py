"""``python -m benchmarks [SCENARIO...]``."""

import asyncio
import sys

from benchmarks.scenarios import SCENARIOS


def main() -> int:
    names = sys.argv[1:] or list(SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        sys.stderr.write(f"unknown scenario {', '.join(unknown)}: expected some of {', '.join(SCENARIOS)}\n")
        return 2
    for name in names:
        asyncio.run(SCENARIOS[name]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
