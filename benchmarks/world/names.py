"""Pools of names that are easily mistaken for one another, and grids that leave gaps for near-misses. Data only."""


def _split(text: str) -> list[str]:
    return text.split()


def _split_at_bars(text: str) -> list[str]:
    """Names with blanks in them: one after each bar or line break."""
    return [name.strip() for name in text.replace("\n", "|").split("|") if name.strip()]


FIRST_NAMES = _split(
    """
    Marta Martin Martina Marie Maria José Josef Josefa Anna Anne Hanna Hannah Jan Jana Johan Johanna Brigitte Birgit
    Björn Bjarne Erik Erika Lena Elena Helena Tomasz Thomas Tamás Søren Sören Zoë Chloé Renée René Noël Łukasz Lucas
    Inês Agnès
    """
)
LAST_NAMES = _split(
    """
    Kowalczyk Kowalska Kowalski Lindqvist Lindgren Lindberg Andersen Anderson Andersson Núñez Nunes Müller Möller
    Miller Novák Nowak Novotná Fournier Fourie Ferreira Ferrari Okafor Okoye Tanaka Tanabe Schmidt Schmitt García
    Garrido Dubois Dupont
    """
)
NICKNAMES = _split(
    """
    Bibi Momo Kiki Jojo Lulu Nono Tinka Fips Pip Dot Biscuit Sparrow Zizou Gigi Coco Dodo Fifi Hopper Jinx Koko Lolo
    Mimi Nini Otto Pepe Quill Rooster Socks Teddy Ursa Vava Wally Xixi Yoyo Zuzu Acorn Badger Clover Domino Ember
    Flint Ginger Hazel Iggy Juno Kit Lark Moss Nutmeg Olive Peaches Rusty Sunny Tango Umber Velvet Whistle Yarrow
    Ziggy Bramble Cricket Dusty Echo Fern Goose
    """
)
COLOURS = _split(
    """
    Blue Grey Black White Red Green Amber Silver Copper Ivory Crimson Violet
    """
)
BIRDS = _split(
    """
    Heron Harrier Hawk Kestrel Kite Osprey Merlin Falcon Finch Plover Petrel Swift Tern Wren
    """
)
CODE_NAMES = _split(
    """
    Moonshot Teapot Lighthouse Snowglobe Backpack Marigold Driftwood Paperclip Tugboat Sundial Windmill Lantern
    Compass Anchor Beacon Cobalt Drumbeat Eclipse Firefly Gondola Hopscotch Inkwell Jigsaw Keystone Lullaby Matchbox
    Nutcracker Origami Pinwheel Quicksand Rosewood Sandcastle Thimble Umbrella Viaduct Waterwheel Xylophone
    Yardstick Zeppelin Almanac Bonfire Carousel Dovetail Evergreen Fishbowl Greenhouse Honeycomb Icebreaker Jukebox
    Kaleido Ladder Mailbox Nightcap Overpass Postcard Quarry Rowboat Seesaw
    """
)
SERVER_FAMILIES = _split(
    """
    kestrel merlin osprey harrier petrel
    """
)
SERVER_ROLES = ("", "db", "web", "mail", "build")
SERVER_NICKNAMES = _split_at_bars(
    """
    the old mail box|the noisy one|the attic machine|the blue tower|grandma|the spare brain|the tape eater
    the night owl|the workhorse|the black box|the toaster|the squeaky rack|the quiet twin|the basement box
    the hot plate|the orphan|the museum piece|the red button|the left sibling|the right sibling|the dust collector
    the loudmouth|the sleeping beauty|the icebox|the greenhouse box|the time capsule|the magpie nest|the lifeboat
    the paperweight|the lighthouse box|the snail|the mule|the understudy|the bakery box
    """
)
FRUITS = _split(
    """
    lemon lime orange apple pear plum cherry apricot fig quince
    """
)
NUTS = _split(
    """
    almond walnut hazelnut pistachio poppy ginger
    """
)
DISHES = _split(
    """
    tart cake loaf crumble biscuits
    """
)
METHODS = _split_at_bars(
    """
    Sparse Attention|Sparse Retrieval|Dense Retrieval|Dense Attention|Late Interaction|Early Exit
    Contrastive Pretraining
    """
)
TARGETS = _split_at_bars(
    """
    Long Clinical Notes|Short Clinical Notes|Legal Contracts|Legal Opinions|Source Code|Source Comments|Chat Logs
    """
)
ANGLES = _split(
    """
    for over beyond without
    """
)
DATASETS = _split(
    """
    MedQuill ClinSpan LexPile LexBook CodeRill CodeReed ChatMarsh NoteField OpenFen SmallFen
    """
)
VENUES = _split_at_bars(
    """
    ALP Workshop|ALP Conference|IRQ Symposium|IRQ Workshop|NeuroText|NeuroTable
    """
)
CITIES = _split(
    """
    Porto Gdańsk Malmö Leeds Turin Ghent Cork Graz Lyon Bergen Tartu Brno
    """
)
SUPPLIERS = _split_at_bars(
    """
    Nordhaus Paper|Nordhafen Paper|Norden Print|Baltic Freight|Baltic Foods|Balkan Freight|Orchard Catering
    Orchard Cleaning|Harbour Cleaning|Harbour Catering|Quay Electrics|Quay Elevators|Summit Glass|Summit Gas
    Aster Legal|Aster Labs
    """
)
ROLES = _split_at_bars(
    """
    data engineer|data analyst|platform engineer|platform lead|account manager|product manager|office manager
    test engineer|designer|technical writer|security engineer|support engineer|accountant|controller|recruiter
    """
)
CLIENTS = _split_at_bars(
    """
    Stadtwerke Ahlen|Stadtwerke Aalen|Banco Tejo|Banco Douro|Fjord Ferries|Fjord Fisheries|Museum Leuven
    Museum Leiden|Hotel Aurora|Hotel Amaro|Clinic Vesna|Clinic Verona
    """
)
