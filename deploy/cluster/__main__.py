"""The command line of the cluster."""

import argparse
import signal
import sys
from pathlib import Path

from deploy.cluster import control, dashboard, drill
from deploy.cluster.layout import FOLDER, HOST, HTTPS, PROMETHEUS, missing_programs
from deploy.cluster.parts import part_named, parts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.cluster", description="A whole deployment on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything")
    down = commands.add_parser("down", help="stop everything, and remove its files")
    down.add_argument("--keep", action="store_true", help="keep the files")
    commands.add_parser("status", help="print the state of each part")
    names = [part.name for part in parts()]
    for name, text in (("kill", "kill a part with SIGKILL"), ("start", "start a part")):
        commands.add_parser(name, help=text).add_argument("part", choices=names)
    load = commands.add_parser("load", help="load the cluster and print what its clients saw")
    load.add_argument("--seconds", type=float, default=20)
    commands.add_parser("dashboard", help="print what each panel of deploy/grafana/shop.json shows now")
    drills = commands.add_parser("drill", help="kill each part in turn under load")
    drills.add_argument("parts", nargs="*", help=f"some of: {', '.join(drill.DRILLS)}")
    drills.add_argument("--markdown", type=Path, help="also write the table to this file")
    options = parser.parse_args()

    if missing := missing_programs():
        print(f"These programs are not installed: {', '.join(missing)}", file=sys.stderr)
        return 1
    return _done(options)


def _done(options: argparse.Namespace) -> int:
    match options.command:
        case "up":
            control.up()
            print(f"https://localhost:{HTTPS}/ answers (trust {FOLDER}/ca.pem); gRPC: {HOST}:{HTTPS} with TLS")
            print(f"Prometheus: http://{HOST}:{PROMETHEUS}/")
        case "down":
            control.down(keep=options.keep)
        case "status":
            for part in parts():
                print(f"{part.name:12} {part.port:6}  {control.state_of(part)}")
        case "kill":
            part_named(options.part).kill(signal.SIGKILL)
        case "start":
            part_named(options.part).start()
        case "load":
            print(drill.loaded(options.seconds))
        case "dashboard":
            print(dashboard.shown())
        case "drill":
            return drill.run(options.parts or list(drill.DRILLS), options.markdown)
    return 0


sys.exit(main())
