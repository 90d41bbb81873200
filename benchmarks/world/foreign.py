"""Notes in other languages and scripts, each with questions in its own words and the line that answers them."""

from dataclasses import dataclass
from random import Random

from benchmarks.world.sheet import Entity, Sheet, World, front_matter


@dataclass(frozen=True, slots=True)
class ForeignKind:
    """Notes that differ in one name and some values. Every line holds {v}, every question {name}."""

    folder: str
    language: str
    title: str
    names: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]
    """(heading, line, question) in this order."""
    least: int
    most: int


FOREIGN = (
    ForeignKind(
        "料理",
        "ja",
        "{name}の作り方",
        ("抹茶プリン", "抹茶クッキー", "黒ごまプリン", "黒ごまクッキー", "柚子ゼリー", "柚子タルト"),
        (
            ("材料", "砂糖は{v}グラム使います。", "{name}に使う砂糖は何グラムですか?"),
            ("手順", "冷蔵庫で{v}分冷やします。", "{name}は冷蔵庫で何分冷やしますか?"),
        ),
        15,
        240,
    ),
    ForeignKind(
        "会议",
        "zh",
        "{name}会议记录",
        ("北京仓库", "北京门店", "上海仓库", "上海门店", "成都仓库", "成都门店"),
        (
            ("决定", "预算定为{v}万元。", "{name}会议定的预算是多少?"),
            ("人员", "参加人数为{v}人。", "{name}会议有多少人参加?"),
        ),
        11,
        480,
    ),
    ForeignKind(
        "회의록",
        "ko",
        "{name} 점검 기록",
        ("서울 창고", "서울 매장", "부산 창고", "부산 매장"),
        (
            ("온도", "냉장고 온도는 {v}도입니다.", "{name} 냉장고 온도는 몇 도입니까?"),
            ("재고", "재고 상자는 {v}개입니다.", "{name}의 재고 상자는 몇 개입니까?"),
        ),
        3,
        640,
    ),
    ForeignKind(
        "vereine",
        "de",
        "Kleingartenverein {name}",
        ("Grüne Höhe", "Grüner Hügel", "Schöne Höhe", "Schöner Hügel", "Weiße Brücke"),
        (
            (
                "Beiträge",
                "Der Jahresbeitrag beträgt {v} Euro.",
                "Wie hoch ist der Jahresbeitrag im Kleingartenverein {name}?",
            ),
            ("Parzellen", "Es gibt {v} Parzellen.", "Wie viele Parzellen hat der Kleingartenverein {name}?"),
        ),
        21,
        390,
    ),
    ForeignKind(
        "gîtes",
        "fr",
        "Gîte de {name}",
        ("Saint-Émilion", "Saint-Étienne", "Sainte-Énimie", "Épernay", "Épinal"),
        (
            ("Tarif", "La nuitée coûte {v} euros.", "Combien coûte la nuitée au gîte de {name} ?"),
            ("Accès", "Le code du portail est {v}.", "Quel est le code du portail du gîte de {name} ?"),
        ),
        41,
        9900,
    ),
)


@dataclass(frozen=True, slots=True)
class ForeignQuestion:
    subject: str
    attribute: str
    text: str
    language: str


def write_foreign(world: World, rng: Random, count: int) -> list[ForeignQuestion]:
    """At most `count` notes, taking turns between the languages; returns all questions they answer."""
    pairs = [(kind, name) for at in range(6) for kind in FOREIGN for name in kind.names[at : at + 1]]
    made: list[ForeignQuestion] = []
    for kind, name in pairs[:count]:
        title = kind.title.format(name=name)
        sheet = Sheet(f"{kind.folder}/{name}.md")
        sheet.add(*front_matter({"lang": kind.language, "tags": [kind.language]}), f"# {title}", "")
        for heading, line, question in kind.facts:
            value = str(rng.randint(kind.least, kind.most))
            sheet.heading(heading)
            sheet.fact(line.format(v=value), name, heading, value)
            made.append(ForeignQuestion(name, heading, question.format(name=name), kind.language))
        world.put(sheet, Entity("foreign", name, sheet.path, {}))
    return made


def plain(text: str) -> str:
    """The text as typed without the keys for accents."""
    return text.replace("ß", "ss").translate(
        str.maketrans("éèêÉÈÊàâîïôûùçöäüÖÄÜóáíúñńłø", "eeeEEEaaiiouucoauOAUoaiunnlo")
    )
