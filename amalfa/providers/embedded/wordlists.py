"""Plain word lists: words that carry no meaning, words that mean nearly the same. Data only."""

_SMALL = """
a about actually after again all also am an and any are aren't as at be because been before being between but by
can can't could couldn't currently did didn't do does doesn't doing don't during else ever exactly find for from
get gets got had has have having he her here hers him his how i i'm if in into is isn't it it's its itself just
know knows let's like many may me might mine more most much must my need needs no nor not of off often on once one
only onto or other our ours out over own per please quite rather really said same say says shall she should since
so some such tell than that that's the their theirs them then there there's these they this those though thus to
too under until up upon us very via want wants was wasn't we were what what's whatever when whenever where where's
which while who who's whom whose why will with within without won't would yes yet you your yours whoever whomever
idea again lot got gotten please still yet today tonight tomorrow moment remind remember okay hello thanks now look
looking good supposed don isn wasn didn doesn couldn wouldn shouldn hasn haven aren weren there'd that'd
der die das den dem es gibt hat haben viel viele werden wird ein eine einen und oder ist sind wie wo wer warum wann
welche welcher welches auf mit von zu im le la les des du un une et ou est sont que qui quoi quand pourquoi quel
quelle dans pour avec sur el los las una y o es son como donde cuando cual por para con en il lo gli uno e sono che
chi dove quando perche quale di da del della
"""
STOP_WORDS = tuple(_SMALL.split())
"""English, then the commonest of German, French, Spanish and Italian that are no English words of meaning."""

SYNONYM_GROUPS = (
    "switch change toggle set",
    "switch use enable",
    "enable activate allow",
    "disable deactivate",
    "delete remove erase uninstall drop clear",
    "keep store save hold put",
    "live reside keep located lie",
    "place location path folder directory",
    "start launch run begin boot",
    "start begin join",
    "stop quit end halt kill shut",
    "restart reload reboot",
    "make create build generate",
    "fix repair solve resolve mend",
    "error failure problem fault fail",
    "mean meaning stand signify",
    "price cost charge fee rate pay",
    "budget cost spend money",
    "phone telephone extension call",
    "boss manager lead head supervisor",
    "lead leader leads led owner responsible",
    "show list display print view see",
    "configuration config setting option configure",
    "install setup",
    "document doc note file page",
    "deadline due date finish",
    "attend attendees attendee present participant join",
    "buy purchase order acquire",
    "size large big length",
    "author write written wrote",
    "holiday vacation leave",
    "answer reply response",
    "pick choose select decide",
    "send transmit leave",
    "quick fast speed",
    "test check verify",
    "hot warm temperature degree heat",
    "long duration time minute hour day week month",
    "often every frequency",
    "memory ram",
    "disk drive storage",
    "old age",
    "much amount price cost total",
    "bike bicycle",
    "car vehicle",
    "sick ill absence",
    "wage salary",
    "guest visitor customer client",
    "computer laptop machine server",
    "screen display monitor",
    "course training lesson class",
    "job role position",
    "present attendee attendees",
    "decide agree",
)
"""Words of one line may stand in for each other; a word may be in several lines."""

IRREGULAR = {
    "agreed": "agree",
    "decision": "decide",
    "decisions": "decide",
    "choice": "choose",
    "chose": "choose",
    "chosen": "choose",
    "owns": "owner",
    "owned": "owner",
    "met": "meet",
    "paid": "pay",
    "payment": "pay",
    "payments": "pay",
    "sent": "send",
    "bought": "buy",
    "kept": "keep",
    "held": "hold",
    "wrote": "write",
    "written": "write",
    "took": "take",
    "taken": "take",
    "left": "leave",
    "lost": "lose",
    "sold": "sell",
    "spent": "spend",
    "built": "build",
    "ran": "run",
    "began": "begin",
    "begun": "begin",
    "went": "go",
    "gone": "go",
    "led": "lead",
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "feet": "foot",
    "lives": "live",
    "leaves": "leave",
    "broke": "break",
    "broken": "break",
    "spoke": "speak",
    "spoken": "speak",
    "stood": "stand",
    "stole": "steal",
    "stolen": "steal",
    "theft": "steal",
    "meant": "mean",
    "knew": "know",
    "known": "know",
    "grew": "grow",
    "grown": "grow",
    "came": "come",
    "gave": "give",
    "given": "give",
    "hidden": "hide",
    "hung": "hang",
    "meetings": "meet",
    "meeting": "meet",
    "settings": "setting",
    "analyses": "analysis",
}
"""Forms that no rule of endings brings together."""
