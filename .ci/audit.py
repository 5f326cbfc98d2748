"""Report the known vulnerabilities of requirements files: `audit.py [options of pip-audit] FILE...`

Exits with 1 if there is one. If the vulnerability service can't be reached or does not know the packages, nothing was
audited: that is said, and the exit code is 0, because the network is not the shop's fault.
"""

import json
import subprocess
import sys

UNREACHABLE = ("could not connect", "connectionerror", "timeout", "proxyerror", "sslerror")
ADVICE = "Nothing was audited. Run `make audit` where PyPI's JSON API or OSV can be reached."


def audited(options: list[str], files: list[str]) -> list[dict]:
    """Return pip-audit's report of each dependency. Raises ConnectionError if its service can't be reached."""
    # Read from the files alone: nothing is installed or resolved.
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json", *options]
    command += [part for file in files for part in ("-r", file)]
    run = subprocess.run(command, capture_output=True, text=True)  # noqa: S603  # the files come from .ci/run
    if run.stdout:
        return json.loads(run.stdout)["dependencies"]
    if any(sign in run.stderr.lower() for sign in UNREACHABLE):
        raise ConnectionError((run.stderr.splitlines() or [""])[-1])
    raise RuntimeError(f"pip-audit failed: {run.stderr}")


def main(arguments: list[str]) -> int:
    files = [each for each in arguments if each.endswith(".txt")]
    try:
        found = audited([each for each in arguments if each not in files], files)
    except ConnectionError as error:
        print(f"The vulnerability service can't be reached: {error}", ADVICE, sep="\n")
        return 0
    known = [each for each in found if "skip_reason" not in each]
    vulnerable = [each for each in known if each["vulns"]]
    for each in vulnerable:
        for vulnerability in each["vulns"]:
            mend = ", ".join(vulnerability["fix_versions"]) or "none yet"
            print(f"{each['name']} {each['version']}: {vulnerability['id']}; fixed in: {mend}")
    skipped = len(found) - len(known)
    print(f"{len(vulnerable)} of {len(known)} packages have a known vulnerability; {skipped} not audited.")
    if not known:
        print("The vulnerability service answers, but knows none of the packages.", ADVICE)
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
