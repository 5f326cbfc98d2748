"""Race sales, cancellations, corrections, price lists and manual SQL; then compare the ledger with the stocks.

    python -m tests.faults.ledger_race --seconds 600       # needs PostgreSQL's and Redis' programs
    python -m tests.faults.ledger_race --seconds 60 --sqlite

Two web and two gRPC workers serve one writer of each protocol. Exits with 1 if a stock differs from its ledger.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.__main__ import on_postgresql, on_sqlite


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.ledger_race", description=__doc__.partition("\n")[0])
    parser.add_argument("--sqlite", action="store_true", help="on SQLite")
    parser.add_argument("--seconds", type=float, default=60, help="of the race (60)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="ledger-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        shop, _ = on_sqlite(folder, stack) if options.sqlite else on_postgresql(folder, stack)
        # The settings are those of the race's database, which was made just now.
        from tests.faults.ledger import Race

        return Race(shop, options.seconds).report()


if __name__ == "__main__":
    sys.exit(main())
