"""The example of the playbook is run as it stands."""

import subprocess
import sys

from tests.system.harness import REPOSITORY, new_home


def test_the_example_client_lists_the_tools_and_prints_an_answer() -> None:
    with new_home() as home:
        home.write_config({"sonar": {"enabled": False}})
        ran = subprocess.run(
            [sys.executable, str(REPOSITORY / "examples/mcp_client.py"), "With what is the kettle descaled?"],
            capture_output=True,
            text=True,
            env={**home.environ, "AMALFA_COMMAND": f"{sys.executable} -m amalfa"},
            cwd=home.root,
            timeout=30,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Tools: list_models,")
    assert "vinegar" in ran.stdout
    assert "… searching" in ran.stderr
