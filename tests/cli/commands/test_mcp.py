"""`amalfa mcp` before a client is served: what it needs, and what it says when that is missing."""

from tests.system.harness import new_home

WITHOUT_LIBRARY = """
    import sys

    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("mcp", "mcp_types"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Absent())
"""


def test_without_the_extra_it_names_the_command_that_installs_it() -> None:
    with new_home() as home:
        home.inject(WITHOUT_LIBRARY)
        ran = home.cli("mcp")
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("Error: The library for MCP is not installed")
    assert 'pip install "amalfa[mcp]"' in ran.stderr


def test_it_needs_a_project_and_sonar() -> None:
    with new_home() as home:
        assert home.cli("mcp", cwd=home.folder).returncode == 8
        refused = home.cli("mcp", "--no-daemon")
        assert (refused.returncode, refused.stdout) == (2, "")


def test_an_empty_input_ends_it_and_starts_no_sonar() -> None:
    with new_home() as home:
        ran = home.cli("mcp")
        assert (ran.returncode, ran.stdout) == (0, "")
        assert home.daemons() == []
