import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.hosts import BadHost, BadPort, cloud_url, is_loopback, ollama_url, origin_of


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("localhost:11434", "http://localhost:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        (":1234", "http://127.0.0.1:1234"),
        ("host", "http://host:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ("http://h", "http://h"),
        ("https://h", "https://h"),
        ("https://h:8443/path/", "https://h:8443/path"),
        ("HTTP://Host.Example.", "http://host.example"),
        (' "localhost" ', "http://localhost:11434"),
        ("ollama.com", "https://ollama.com"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:99", "http://127.0.0.1:99"),
        ("[::]:99", "http://[::1]:99"),
        ("http://localhost:11434/v1", "http://localhost:11434"),
        ("http://localhost:11434/api/", "http://localhost:11434"),
        ("gpu/prefix", "http://gpu:11434/prefix"),
        ("[::ffff:127.0.0.1]", "http://127.0.0.1:11434"),
        ("my_gpu-1.lan", "http://my_gpu-1.lan:11434"),
        ("bücher.example", "http://xn--bcher-kva.example:11434"),
    ],
)
def test_ollama_hosts_are_read_as_ollama_reads_them(written: str, url: str) -> None:
    assert ollama_url(written) == url


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://openrouter.ai:443/api/v1/", "https://openrouter.ai/api/v1"),
        ("http://openrouter.ai/api/v1", "http://openrouter.ai/api/v1"),
        ("localhost:8080/v1", "http://localhost:8080/v1"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("localhost", "http://localhost"),
    ],
)
def test_cloud_hosts_are_https_unless_they_are_this_machine_or_say_otherwise(written: str, url: str) -> None:
    assert cloud_url(written) == url


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("user:secret@h", "user name or password"),
        ("http://secret@h/x", "user name or password"),
        ("file:///etc/passwd", "http or https"),
        ("ftp://h", "http or https"),
        ("169.254.169.254", "link-local"),
        ("http://169.254.169.254/latest", "link-local"),
        ("[fe80::1]", "link-local"),
        ("[::ffff:169.254.169.254]", "link-local"),
        ("[fe80::1%eth0]", "network interface"),
        ("2852039166", "written in full"),
        ("0xa9fea9fe", "written in full"),
        ("0251.0376.0251.0376", "written in full"),
        ("127.1", "written in full"),
        ("224.0.0.1", "one machine"),
        ("h\\evil", "blank or a backslash"),
        ("h h", "blank or a backslash"),
        ("h?x=1", "end with its path"),
        ("h/#x", "end with its path"),
        ("h/../x", "path"),
        ("h//x", "path"),
        ("a..b", "domain name"),
        ("-a.example", "domain name"),
        ("[::1", "brackets"),
        ("[::1]x", "brackets"),
    ],
)
def test_what_no_key_may_be_sent_to_is_refused_with_the_reason(written: str, why: str) -> None:
    for read in (ollama_url, cloud_url):
        with pytest.raises(BadHost, match=why) as caught:
            read(written)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("written", ["h:0", "h:65536", "h:abc", "h:", "[::1]:x"])
def test_a_bad_port_is_told_apart(written: str) -> None:
    with pytest.raises(BadPort):
        ollama_url(written)


def test_a_cloud_host_needs_a_name() -> None:
    with pytest.raises(BadHost, match="must name a host"):
        cloud_url(":8080")


def test_a_port_beside_the_host_counts_where_the_host_names_none() -> None:
    assert ollama_url("http://localhost", port=99) == "http://localhost:99"
    assert ollama_url("localhost:1", port=99) == "http://localhost:1"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:11434", True),
        ("http://127.3.2.1", True),
        ("http://[::1]:8", True),
        ("http://x.localhost", False),
        ("http://localhost.evil.example", False),
        ("http://192.168.0.1", False),
        ("https://openrouter.ai/api", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_trust_is_given_to_scheme_host_and_port() -> None:
    assert origin_of("https://h:8443/path") == "https://h:8443"


@given(st.text(max_size=40))
def test_no_text_is_anything_but_a_url_or_refused_and_urls_are_stable(text: str) -> None:
    for read in (ollama_url, cloud_url):
        try:
            url = read(text)
        except BadHost:
            continue
        assert read(url) == url
        assert "@" not in origin_of(url)
