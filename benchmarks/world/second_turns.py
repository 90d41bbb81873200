"""The second wording of questions over two notes, over time and in other languages. Data only."""

from collections.abc import Mapping, Sequence

PROJECT_NAMES = ("Project {}", "{}", "the {} project")
"""How a project is spoken of; one known by a nickname is never called by the first of these."""

NEXT_PEOPLE: Mapping[str, Sequence[str]] = {
    "projects.lead": ("whoever leads {s}", "the person heading {s}", "the project lead on {s}"),
    "projects.host": ("the machine that {s} runs on", "the box hosting {s}"),
    "servers.owner": ("whoever looks after {s}", "the person responsible for {s}"),
    "recipes.source": ("the person who gave me the {s} recipe", "whoever I got the {s} from"),
    "papers.lent": ("whoever borrowed my printout of {s}", 'the person I lent the printed copy of "{s}" to'),
    "invoices.approver": ("whoever signed off on {s}", "the person who gave the OK for invoice {s}"),
    "trips.companion": ("my travel companion for {s}", "whoever was with me in {s}"),
}
"""By "kind.attribute" of the first hop: how the one it leads to is spoken of."""

NEXT_ASKS: Mapping[str, Sequence[str]] = {
    "people.city": ("What city does {n} live in?", "Where's the home of {n}?"),
    "people.extension": (
        "I want to phone {n}. What's the extension?",
        "Which number do I dial to get hold of {n}?",
        "phone extension of {n}",
    ),
    "people.badge": ("What's on the badge of {n}, I mean the number?", "badge no. of {n}"),
    "people.birthday": ("On which day does {n} have their birthday?", "I need the birthday of {n}."),
    "people.bay": ("Where does {n} park?", "Which parking space belongs to {n}?"),
    "people.diet": (
        "I'm having {n} over for dinner. What diet are they on?",
        "Any dietary requirements for {n}?",
    ),
    "people.start": ("Since when has {n} been with us?", "Can you look up what date {n} joined?"),
    "people.role": ("What's the job title of {n}?", "What does {n} do here, as a job?"),
    "servers.rack": ("Where do I find {n}, which rack?", "rack of {n}"),
    "servers.memory": ("How much RAM has {n} got?", "What memory is in {n}?"),
    "servers.address": ("Under which IP can I reach {n}?", "IP of {n}"),
    "servers.backup": ("What time is {n} backed up?", "When does the backup begin on {n}?"),
    "servers.ssh_port": ("Which port do I use to ssh into {n}?", "ssh port of {n}"),
}
"""By "kind.attribute" of the second hop; {n} is what `NEXT_PEOPLE` says."""

OVER_TIME: Sequence[tuple[str, Sequence[str]]] = (
    (
        "What is the latest deadline agreed for Project {project}?",
        (
            "When's {s} due now that the date has been moved?",
            "{short} most recent deadline",
            "We keep shifting {s}. What is the last deadline we settled on?",
        ),
    ),
    (
        "After the last change, what is the deadline of Project {project}?",
        (
            "By when does {s} have to be done, going by the newest decision?",
            "current deadline {short} after the changes",
            "What's the new deadline for {s}?",
        ),
    ),
    (
        "What is the latest budget agreed for Project {project}?",
        (
            "How much money does {s} have now, after it was changed?",
            "{short} most recent budget",
            "What was the last budget we agreed on for {s}?",
        ),
    ),
    (
        "After the last change, what is the budget of Project {project}?",
        (
            "current budget {short} after the changes",
            "What's the new budget for {s}?",
            "Going by the newest minutes, how much may {s} cost?",
        ),
    ),
    (
        "What did we decide about Project {project} on {day}?",
        (
            "What came out of the {day} meeting on {s}?",
            "{short} {day} decision",
            "We talked about {s} on {day}. What was the outcome?",
        ),
    ),
    (
        "Which decision did the Project {project} meeting of {day} take?",
        (
            "What was agreed in the {s} meeting on {day}?",
            "{short} meeting {day} decisions",
            "I missed the meeting about {s} on {day}, what did they decide?",
        ),
    ),
    (
        "Who was at the Project {project} meeting on {day}?",
        (
            "Which people attended when {s} met on {day}?",
            "{short} meeting {day} participants",
            "Who took part in the meeting about {s} on {day}?",
        ),
    ),
    (
        "What did I do on {day} according to the {place} journal?",
        (
            "{place} journal {day}",
            "What does my {place} journal say for {day}?",
            "I'm going through my {place} journal, what was I up to on {day}?",
        ),
    ),
    (
        "What budget did the {year} plan of Project {project} have?",
        (
            "Back in {year}, how much money was planned for {s}?",
            "{short} {year} plan budget",
            "What did we budget for {s} in the old {year} plan?",
        ),
    ),
)
"""(first wording, second wordings); {s} is the project as one speaks of it, {short} without small words."""

ELSEWHERE: Mapping[tuple[str, str], Sequence[str]] = {
    ("ja", "材料"): ("{name}のレシピ、砂糖はどれくらい入れるんだっけ?", "{name} 砂糖 分量"),
    ("ja", "手順"): ("{name}は冷蔵庫でどのくらい冷やせばいい?", "{name} 冷やし時間"),
    ("zh", "决定"): ("{name}开会最后批了多少预算?", "{name} 会议 预算"),
    ("zh", "人员"): ("{name}那次会来了多少人?", "{name} 参会人数"),
    ("ko", "온도"): ("{name} 점검할 때 냉장고가 몇 도였죠?", "{name} 냉장고 온도"),
    ("ko", "재고"): ("{name}에 재고 박스가 몇 개 있었죠?", "{name} 재고 수량"),
    ("de", "Beiträge"): (
        "Was zahlt man pro Jahr im Kleingartenverein {name}?",
        "Mitgliedsbeitrag {name} jährlich",
    ),
    ("de", "Parzellen"): ("Wie viele Gärten sind es bei {name} insgesamt?", "Anzahl Parzellen {name}"),
    ("fr", "Tarif"): ("C'est combien la nuit au gîte à {name} ?", "prix par nuit gîte {name}"),
    ("fr", "Accès"): ("On tape quel code pour ouvrir le portail à {name} ?", "code portail gîte {name}"),
}
"""By language and heading."""
