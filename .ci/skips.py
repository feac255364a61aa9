"""Fail when a test was skipped that .ci/allowed-skips does not name with a reason."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

allowed = {
    line.split(maxsplit=1)[0]
    for line in (Path(__file__).parent / "allowed-skips").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
}
report = ElementTree.parse(sys.argv[1])  # noqa: S314  # pytest wrote it a moment ago
skipped = {
    f"{case.get('classname')}::{case.get('name')}": skip.get("message", "")
    for case in report.iter("testcase")
    for skip in case.iter("skipped")
}
unexpected = {name: reason for name, reason in skipped.items() if name.partition("[")[0] not in allowed}
for name, reason in unexpected.items():
    print(f"skipped without leave: {name}: {reason}")
sys.exit(1 if unexpected else 0)
