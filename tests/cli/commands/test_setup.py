from tests.cli.conftest import Shell


def test_init_writes_a_configuration_without_problems(shell: Shell) -> None:
    (shell.root / "amalfa.config.json").unlink()
    done = shell.call("init")
    assert (done.code, done.out) == (0, "Wrote amalfa.config.json.\nWrote .env.example.\n")
    assert shell.call("config", "check").code == 0
    assert "OPENROUTER_API_KEY" in (shell.root / ".env.example").read_text()


def test_init_leaves_what_is_there(shell: Shell) -> None:
    (shell.root / "amalfa.config.json").write_text("mine")
    done = shell.call("init", "--json")
    assert done.json["data"]["kept"] == ["amalfa.config.json"]
    assert (shell.root / "amalfa.config.json").read_text() == "mine"
    assert shell.call("init").code == 0


def test_init_follows_no_link(shell: Shell) -> None:
    victim = shell.root.parent / "victim"
    (shell.root / ".env.example").symlink_to(victim)
    assert shell.call("init").code == 0
    assert not victim.exists()
