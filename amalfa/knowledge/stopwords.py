"""Words that say how something is asked, not what about. Small lists by hand, for a few languages."""

from collections.abc import Iterable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = _words(
    """a about above after again against all also am an and any are aren't as at be because been before being below
    between both but by can can't cannot could couldn't did didn't do does doesn't doing don't done during each
    either else ever every few for from further had hadn't has hasn't have haven't having he her here hers him his how
    i if in into is isn't it its itself just let may me might more most much must my myself neither no nor not of off
    on once one only or other our ours out over per please same since shall she should shouldn't so some such than that
    the their theirs them then there these they this those through to too under until up upon us very was wasn't we
    were weren't what whatever when where whether which while who whom whose why will with within without won't would
    you your yours yourself s t re ve ll d m vs via etc eg ie ain't whoever whomever whichever"""
) | frozenset(
    f"{word}'{ending}"
    for word in _words("i you he she it we they who what that there this where how when")
    for ending in ("m", "re", "ve", "ll", "d", "s")
)

_OTHERS = {
    "de": _words(
        """aber als am an auch auf aus bei bin bis bist da damit dann das dass dem den denn der des die dies diese
        dieser doch dort du durch ein eine einem einen einer eines er es euer für hat hatte ich ihr im in ist ja
        kann kein keine
        können man mein mit muss nach nicht noch nur ob oder seine sich sie sind so über um und uns unser unter
        vom von vor war waren warum was wann welche welchem welchen welcher welches wenn wer werden wie wieviel wird
        wo woher zu zum zur denn eigentlich mal gerade wäre würde möchte will wollen bei beim haben habe gibt
        geht mir mich dich dir etwa ungefähr viel viele hoch lange"""
    ),
    "fr": _words(
        """au aux avec ce ces cette comme comment dans de des du elle en est et eux il ils je la le les leur lui ma mais
        me mes mon ne nos notre nous on ou où par pas pour pourquoi qu quand que quel quelle quelles quels qui quoi sa
        sans se ses son sont sur ta te tes toi ton tu un une vos votre vous d l c j n s y a ont été être
        c'est j'ai qu'est d'un d'une veut veux voudrait voudrais avoir fait faire ça là combien moi"""
    ),
    "es": _words(
        """a al como con cual cuál cuales cuando cuándo cuanto cuánto de del desde donde dónde el ella ellos en entre
        era es esa ese eso esta está este esto fue ha hay la las le les lo los más me mi muy no nos o para pero por
        porque qué que quien quién se ser si sin sobre son su sus también te tiene tu un una uno y ya"""
    ),
    "it": _words(
        """a ad al alla anche che chi come con cosa da dal dalla dei del della delle di dove e è ed era gli ha hai ho i
        il in io la le lo loro ma mi ne nel nella non o per perché più quale quali quando quanto quanti questa questo
        se si sono su sua suo tra tu un una uno"""
    ),
}

_LIGHT = _words(
    """use uses used using have get gets got give gives given make makes made take takes taken need needs find found
    know known tell show shows say says said mean means call calls called name names named happen happens happened
    thing things way kind kinds type types sort exactly actually please info information detail details many note
    notes according describe explain explains summarize summarise list give come comes go goes going work works
    there's it's what's look like want wants see seen put keep currently exact particular specific set number
    numbers time times data run runs running mention mentions mentioned line lines stand stands passage section person
    someone somebody anyone belong belongs able possible allowed usual usually normal normally receive receives received
    bring brings ask asks asked want wish expect expected suppose supposed try tried let allow allows happen right
    came coming took taking went gone done gave getting having making along often
    frequently once twice follow follows followed idea ideas guess wonder wondering remind remember recall forget forgot
    mind sure maybe perhaps hello hi hey thanks thank quickly roughly basically altogether moment lot lots stuff really
    think thought bit again still yet okay ok sorry somehow anyway apparently honestly mixing nowadays days day today
    tonight tomorrow yesterday like love hope hear heard supposed folks guys everybody everyone nobody anybody"""
)

# Verbs of everyday talk and what goes with them: evidence where a note has them, no gap where it has not.
_SOFT = _words(
    """act add appear arrive ask base become begin behind book borrow bother break bring build buy catch check choose
    clear close come comes cover deal decide do end enter face fall feel fill find finish finished fit gather get
    give goes grab hand handle hang happen hit hold join keep keeps land leave left lie look lose lost make manage
    meet mention miss move open pass pick place plan pop popping push put reach read rid run say see send sent set
    settle show shop sit sitting speak spend stand start stay steal stick stop stuck supposed switch talk tell throw
    touch turn use visit wait wake walk want watch went work write wrong right good bad big long large small new
    nice odd fine sure stuff somewhere anywhere currently usually finally total front full own whole early late soon
    down up through trouble shared standing looking reaching sending coming going leaving staying evaluate"""
)

_LISTS = {"en": _ENGLISH, **_OTHERS}


def language_of(words: Iterable[str]) -> str:
    """The language whose small words occur most, as a two-letter code; "en" when none stands out."""
    given = set(words)
    return max(_LISTS, key=lambda language: len(given & _LISTS[language]))


def stop_words(language: str) -> frozenset[str]:
    return _LISTS[language]


def is_soft(word: str) -> bool:
    """Whether a word may well be missing where its question is answered: people talk in such words anyway."""
    return word in _SOFT


def is_light(word: str) -> bool:
    """Whether a word carries so little that an answer need not hold it ("which port does it *use*")."""
    return word in _LIGHT
