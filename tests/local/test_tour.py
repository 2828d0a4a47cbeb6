"""The tour in docs/tour.md, as a reader would follow it: every command of it, in a shell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.local.stack import ROOT, Stack


def test_every_command_of_the_tour_works_as_it_is_written(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / ".local").symlink_to(stack.state)
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "tour.md").read_text(), re.DOTALL)
    ran = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + "\n".join(blocks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "urn:groundwork:problem" not in ran.stdout
    assert "\nended\n" in ran.stdout
    assert '"outputs":{"path":"review"}' in ran.stdout
    assert 'class="token"' in (tmp_path / "process.svg").read_text()
