"""Rows: what must not leave the machine, whatever else is said."""

from amalfa.calls import PrivacyClass
from amalfa.providers.provider import Presence
from tests.routing.decisions import (
    BIG,
    CLOUD_OFF,
    ENGINE,
    GPT4O,
    OPUS,
    QWEN,
    Ask,
    Json,
    Now,
    Row,
    facts,
    merged,
    on,
    prefer,
    routing,
    task,
    team,
)

PRIVATE = Ask(privacy=PrivacyClass.LOCAL_ONLY)
NO_TRACE = Ask(privacy=PrivacyClass.CLOUD_ZDR)
REFUSED = {BIG: "privacy"}
FORWARDED = "ollama:gpt-oss:120b-cloud"
LISTED = Now(up={"ollama": ("qwen2.5:1.5b",)}, forwarded=("qwen2.5:1.5b",))
GPU = "gpu:llama3:70b"
SHED = "shed:llama3"


def at(kind: str, name: str, address: str, **more: object) -> Json:
    place = {"hosts": [address]} if kind == "ollama" else {"baseUrl": address}
    return {"providers": {name: {"type": kind, **place, **more}}}


def lan(**more: object) -> Now:
    """An Ollama in the local network, described in the user's own configuration."""
    return Now(user=at("ollama", "gpu", "gpu.lan", **more), up={"ollama": ("qwen2.5:1.5b",), "gpu": ("llama3:70b",)})


OWN_GPU = Now(
    user={"cloud": {"provider": "ollama", "host": "gpu.lan", "model": "llama3:70b"}},
    presences={"ollama-cloud": Presence("up")},
)
OWN = "ollama-cloud:llama3:70b"
SERVER = Now(user=at("openai", "shed", "http://127.0.0.1:8000/v1", local=True))
UNMARKED = Now(user=at("openai", "shed", "http://127.0.0.1:8000/v1"))
ELSEWHERE = Now(env={"OLLAMA_HOST": "gpu.lan"})
POOL = Now(user={"host": ["localhost", "gpu.lan"]})

ROWS = [
    Row("private text meets no cloud", on(), (QWEN, ENGINE), REFUSED, PRIVATE),
    Row(
        "private text and -m with a cloud model",
        on(),
        (QWEN, ENGINE),
        REFUSED,
        Ask(model=BIG, privacy=PrivacyClass.LOCAL_ONLY),
    ),
    Row(
        "private text and --cloud is no plan",
        on(),
        (),
        REFUSED | dict.fromkeys((QWEN, ENGINE), "narrowed"),
        Ask(prefer="cloud", privacy=PrivacyClass.LOCAL_ONLY),
    ),
    Row("private text and a task's tier cloud", on(task(tier="cloud")), (QWEN, ENGINE), REFUSED, PRIVATE),
    Row(
        "private text and a task's cloud model",
        on(task(model=OPUS)),
        (QWEN, ENGINE),
        REFUSED | {OPUS: "privacy"},
        PRIVATE,
    ),
    Row(
        "private text and a chain of clouds",
        on(routing(chain=[BIG, GPT4O])),
        (ENGINE,),
        REFUSED | {GPT4O: "privacy"},
        PRIVATE,
    ),
    Row(
        "private text and a team for quality",
        on(team("a", strategy="quality_first")),
        (QWEN, ENGINE),
        REFUSED,
        Ask(team="a", privacy=PrivacyClass.LOCAL_ONLY),
    ),
    Row(
        "private text and a hint for quality",
        on(),
        (QWEN, ENGINE),
        REFUSED,
        Ask(hint="prefer_quality", privacy=PrivacyClass.LOCAL_ONLY),
    ),
    Row(
        "private text with Ollama down",
        on(),
        (ENGINE,),
        REFUSED | {QWEN: "unreachable"},
        PRIVATE,
        Now(down=("ollama",)),
    ),
    Row(
        "private text and no fallback goes to the one model that may",
        on(routing(fallback=False)),
        (QWEN,),
        REFUSED | {ENGINE: "no_fallback"},
        PRIVATE,
    ),
    Row(
        "private text meets no model that is forwarded by its listing",
        on(),
        (ENGINE,),
        REFUSED | {QWEN: "privacy"},
        PRIVATE,
        LISTED,
    ),
    Row(
        "private text meets no model that is forwarded by its name",
        on({"model": "gpt-oss:120b-cloud"}),
        (ENGINE,),
        REFUSED | {FORWARDED: "privacy"},
        PRIVATE,
        Now(unseen=("ollama",)),
    ),
    Row(
        "private text meets no host nobody vouched for",
        {},
        (ENGINE,),
        CLOUD_OFF | {QWEN: "privacy"},
        PRIVATE,
        ELSEWHERE,
    ),
    Row("other text may go to a host of the network", {}, (QWEN, ENGINE), CLOUD_OFF, now=ELSEWHERE),
    Row(
        "private text may go to a host the user calls local",
        task(model=GPU),
        (GPU, QWEN, ENGINE),
        CLOUD_OFF,
        PRIVATE,
        lan(local=True),
    ),
    Row(
        "private text meets no host the user does not call local",
        task(model=GPU),
        (QWEN, ENGINE),
        CLOUD_OFF | {GPU: "privacy"},
        PRIVATE,
        lan(),
    ),
    Row(
        "private text meets no host the user calls foreign",
        {},
        (ENGINE,),
        CLOUD_OFF | {QWEN: "privacy"},
        PRIVATE,
        Now(user={"providers": {"ollama": {"local": False}}}),
    ),
    Row(
        "private text in a pool with a foreign host stays on the loopback one",
        {},
        (QWEN, ENGINE),
        CLOUD_OFF,
        PRIVATE,
        POOL,
    ),
    Row(
        "private text may go to an API the user calls local",
        task(model=SHED),
        (SHED, QWEN, ENGINE),
        CLOUD_OFF,
        PRIVATE,
        SERVER,
    ),
    Row(
        "an API on loopback is a cloud until the user calls it local",
        on(task(model=SHED)),
        (QWEN, ENGINE),
        REFUSED | {SHED: "privacy"},
        PRIVATE,
        UNMARKED,
    ),
    Row(
        "an API on loopback is off with the cloud",
        task(model=SHED),
        (QWEN, ENGINE),
        CLOUD_OFF | {SHED: "cloud_disabled"},
        now=UNMARKED,
    ),
    Row(
        "LM Studio is a cloud until the user calls it local",
        task(model="lmstudio:m"),
        (QWEN, ENGINE),
        CLOUD_OFF | {"lmstudio:m": "cloud_disabled"},
    ),
    Row(
        "LM Studio is local when the user says so",
        task(model="lmstudio:m"),
        ("lmstudio:m", QWEN, ENGINE),
        CLOUD_OFF,
        PRIVATE,
        Now(user={"providers": {"lmstudio": {"local": True}}}),
    ),
    Row("one's own GPU server is a cloud for private text", on(), (QWEN, ENGINE), {OWN: "privacy"}, PRIVATE, OWN_GPU),
    Row("one's own GPU server is off with the cloud", {}, (QWEN, ENGINE), {OWN: "cloud_disabled"}, now=OWN_GPU),
    Row("one's own GPU server serves when the cloud is on", on(), (OWN, QWEN, ENGINE), now=OWN_GPU),
    Row(
        "Ollama's own cloud is a cloud",
        {},
        (ENGINE,),
        CLOUD_OFF | {QWEN: "cloud_disabled"},
        now=Now(user={"host": "https://ollama.com"}, presences={"ollama": Presence("up")}),
    ),
    Row(
        "privacy is named before acceptableModels",
        on(prefer(acceptableModels=["local:*"])),
        (QWEN, ENGINE),
        REFUSED,
        PRIVATE,
    ),
    Row("the cloud switch is named before --local", {}, (QWEN, ENGINE), CLOUD_OFF, Ask(prefer="local")),
    Row("zero retention is OpenRouter's to promise", on(), (BIG, QWEN, ENGINE), ask=NO_TRACE),
    Row(
        "zero retention is not OpenAI's to promise",
        on(routing(chain=[GPT4O, BIG, QWEN])),
        (BIG, QWEN, ENGINE),
        {GPT4O: "privacy"},
        NO_TRACE,
    ),
    Row(
        "zero retention is not Anthropic's to promise",
        on(),
        (BIG, QWEN, ENGINE),
        {OPUS: "privacy"},
        Ask(model=OPUS, privacy=PrivacyClass.CLOUD_ZDR),
    ),
    Row("zero retention is not a GPU server's to promise", on(), (QWEN, ENGINE), {OWN: "privacy"}, NO_TRACE, OWN_GPU),
    Row(
        "zero retention is not promised for a forwarded model", on(), (BIG, ENGINE), {QWEN: "privacy"}, NO_TRACE, LISTED
    ),
    Row("zero retention asks nothing of a local host", {}, (QWEN, ENGINE), CLOUD_OFF, NO_TRACE, ELSEWHERE),
    Row("the cloud switch holds for -m", {}, (QWEN, ENGINE), CLOUD_OFF | {GPT4O: "cloud_disabled"}, Ask(model=GPT4O)),
    Row(
        "the cloud switch holds for a task's models",
        task(model=[GPT4O, OPUS]),
        (QWEN, ENGINE),
        CLOUD_OFF | dict.fromkeys((GPT4O, OPUS), "cloud_disabled"),
    ),
    Row(
        "the cloud switch holds for a team's chain",
        team("a", chain=[BIG, QWEN]),
        (QWEN, ENGINE),
        CLOUD_OFF,
        Ask(team="a"),
    ),
    Row(
        "the cloud switch holds for acceptableModels",
        prefer(acceptableModels=[BIG]),
        (ENGINE,),
        CLOUD_OFF | {QWEN: "not_acceptable"},
    ),
    Row(
        "the cloud switch holds for a written strategy",
        merged(routing(strategy="quality_first"), facts(BIG, quality=1)),
        (QWEN, ENGINE),
        CLOUD_OFF,
    ),
    Row("the cloud switch holds for forwarded models", {}, (ENGINE,), CLOUD_OFF | {QWEN: "cloud_disabled"}, now=LISTED),
    Row(
        "the cloud switch holds for forwarded models by name",
        {},
        (QWEN, ENGINE),
        CLOUD_OFF | {FORWARDED: "cloud_disabled"},
        Ask(model=FORWARDED),
        Now(unseen=("ollama",)),
    ),
    Row(
        "--local is not a model that is forwarded",
        on(),
        (ENGINE,),
        dict.fromkeys((BIG, QWEN), "narrowed"),
        Ask(prefer="local"),
        LISTED,
    ),
    Row(
        "--cloud may be a model that is forwarded", on(), (BIG, QWEN), {ENGINE: "narrowed"}, Ask(prefer="cloud"), LISTED
    ),
    Row(
        "--local means verified: a host nobody vouched for is left out",
        {},
        (ENGINE,),
        CLOUD_OFF | {QWEN: "narrowed"},
        Ask(prefer="local"),
        ELSEWHERE,
    ),
]
