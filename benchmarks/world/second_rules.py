"""The second wording of questions on house rules, written apart from the first. Data only.

Like the first they use none of the telling words of the rule's own line; the heading's words may turn up.
"""

from collections.abc import Mapping, Sequence

RULES: Mapping[str, Sequence[str]] = {
    "Leave: Carrying over": (
        "I won't manage to take all my holiday this year. How much of it can I keep for next year in {site}?",
        "{site} leave carry over limit",
    ),
    "Leave: Sick days": (
        "When do they want a doctor's note in {site} if you are ill?",
        "I've caught the flu. How long can I stay off sick in {site} before I have to bring a doctor's note?",
    ),
    "Leave: Moving house": (
        "I'm changing flats in {site}, how much leave do I get for that?",
        "special leave for a house move {site}",
    ),
    "Getting to work: Bicycles": (
        "I cycle to the {site} office, where can I park?",
        "bike parking {site}",
    ),
    "Getting to work: Cars": (
        "A client is driving over to see us in {site}, which spaces can she park in?",
        "guest parking {site} which spaces",
    ),
    "Getting to work: Public transport": (
        "I take the bus in {site}. How much of the fare does my employer cover?",
        "{site} public transport subsidy",
    ),
    "Meals: Canteen": ("When can I eat at the canteen in {site}?", "canteen opening hours {site}"),
    "Meals: Kitchenette": (
        "When do they clear out the refrigerator in {site}?",
        "On which day do my leftovers get binned at {site}?",
    ),
    "Meals: Guests": (
        "I'm inviting clients to a restaurant in {site}, what's the limit for each of them?",
        "how much can I spend on a meal with a business partner, {site}",
    ),
    "Equipment: Laptops": (
        "When am I due a new laptop in {site}?",
        "My laptop is getting slow. How often do we get new ones in {site}?",
    ),
    "Equipment: Loss and theft": (
        "My phone got stolen in {site}, who do I call?",
        "lost my laptop at {site} who needs to know first",
    ),
    "Equipment: Screens": ("How many monitors am I allowed in {site}?", "max number of screens {site}"),
    "Building: Access": (
        "When can I get into the building in {site}?",
        "How early can I come in to the {site} office, and how late can I stay?",
    ),
    "Building: Fire alarm": (
        "Where do we meet outside if there's a fire in {site}?",
        "evacuation meeting point {site}",
    ),
    "Building: Heating": (
        "What temperature is the {site} office heated to?",
        "It's freezing in here! What is the heating set to at {site}?",
    ),
    "Building: Lost property": (
        "I lost a scarf in {site}. How long do they keep things like that?",
        "lost property {site} how long is it kept",
    ),
    "Money: Advances": (
        "How much notice do they want in {site} for a travel advance?",
        "I need money up front for a business trip. How long beforehand do I apply in {site}?",
    ),
    "Money: Receipts": (
        "How long after a trip can I still submit receipts in {site}?",
        "By when do expenses have to be in at {site} before they won't pay any more?",
    ),
    "Money: Payday": ("When do we get paid in {site}?", "payday {site}"),
    "Learning: Courses": (
        "What's my course budget in {site}?",
        "How much money do I get annually for further education in {site}?",
    ),
    "Learning: Books": (
        "I'd like a book for work, who gets it for me in {site}?",
        "who buys technical books for us in {site}",
    ),
    "Learning: Languages": (
        "When's the language course in {site}?",
        "On which day of the week can I learn a language at {site}?",
    ),
    "Newcomers: First day": (
        "I'm starting next week in {site}: where do I report?",
        "It's my first day in {site}, where am I supposed to go?",
    ),
    "Newcomers: Probation": ("How long is probation in {site}?", "{site} probation period length"),
    "Newcomers: Mentor": (
        "How long do new people in {site} have a mentor?",
        "I just started in {site}. For how long will somebody show me around?",
    ),
    "Health: Eyesight": (
        "Does {site} chip in for new spectacles, and how much?",
        "How much can I get back for an optician's bill in {site}?",
    ),
    "Health: First aid": (
        "Someone has cut their finger, where are the plasters in {site}?",
        "first aid box {site} where",
    ),
    "Health: Vaccination": (
        "Which month is the influenza vaccination in {site}?",
        "when do they vaccinate people at {site}",
    ),
    "Working hours: Core time": (
        "What are the core hours in {site}?",
        "Between what times do I have to be around in {site}?",
    ),
    "Working hours: Overtime": (
        "How much overtime do I need in {site} before I get money for it?",
        "overtime payout threshold {site}",
    ),
    "Working hours: Remote work": ("How much remote working is allowed in {site}?", "WFH {site} how often"),
}
