"""What the house rules say, and questions about them in other words. Data only.

Each rule comes with a question written by hand that shares no word of meaning with the rule's line; only the
site's name is the same. Where a heading's word turns up in a question (about every third), that is how people
ask: they know the topic and not the wording.
"""

from dataclasses import dataclass

from benchmarks.world import names

SITES = names.CITIES


@dataclass(frozen=True, slots=True)
class Rule:
    """`line` holds {v}; `question` holds {site}; `values` are what differs from site to site."""

    heading: str
    line: str
    question: str
    values: tuple[str, ...]


def _numbers(least: int, most: int, form: str = "{}") -> tuple[str, ...]:
    return tuple(form.format(number) for number in range(least, most + 1))


_PLACES = (
    "the loading dock",
    "the east stairwell",
    "gate 4",
    "the chestnut tree",
    "the post room",
    "the old chapel",
    "the blue container",
    "the rear courtyard",
    "the bakery",
    "the tennis court",
    "the north ramp",
    "the glass bridge",
)
_HOURS = tuple(
    f"{start:02}:{minute:02} to {start + span:02}:{minute:02}"
    for start in (6, 7, 9, 11)
    for minute in (0, 15, 45)
    for span in (2, 5, 8)
)
_COUNTS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_MONTHS = ("January", "February", "April", "June", "July", "September", "October", "November")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_EUROS = tuple(f"{euros} EUR" for euros in range(35, 1200, 45))

TOPICS: dict[str, tuple[Rule, ...]] = {
    "Leave": (
        Rule(
            "Carrying over",
            "Up to {v} unused vacation days roll into the following January.",
            "How much untaken holiday may people in {site} bring along to the new year?",
            _numbers(2, 14),
        ),
        Rule(
            "Sick days",
            "A certificate is due from the {v} day of absence.",
            "If I stay home sick in {site}, at what point is a medical paper required?",
            _COUNTS,
        ),
        Rule(
            "Moving house",
            "Employees get {v} paid days off for relocating their household.",
            "How much free time does {site} grant when you move house?",
            _numbers(1, 6),
        ),
    ),
    "Getting to work": (
        Rule("Bicycles", "Lock them to the stands behind {v}.", "Where in {site} do I leave my bike?", _PLACES),
        Rule(
            "Cars",
            "Visitor bays carry the numbers {v}; everything else is assigned.",
            "Which parking spots can guests of {site} take?",
            tuple(f"{at} to {at + 6}" for at in range(3, 90, 7)),
        ),
        Rule(
            "Public transport",
            "The company refunds {v} percent of a monthly pass.",
            "What share of a train ticket does the firm pay back in {site}?",
            _numbers(15, 95),
        ),
    ),
    "Meals": (
        Rule("Canteen", "Lunch is served from {v}.", "Between which times is the canteen of {site} open?", _HOURS),
        Rule(
            "Kitchenette",
            "Label whatever goes into the fridge; it is emptied every {v}.",
            "On what weekday does {site} throw out forgotten food?",
            _WEEKDAYS,
        ),
        Rule(
            "Guests",
            "Taking a customer to lunch is covered up to {v} per head.",
            "What is the most {site} will spend on feeding a client?",
            _EUROS,
        ),
    ),
    "Equipment": (
        Rule(
            "Laptops",
            "Machines are replaced after {v} months.",
            "How old does a computer in {site} get before I receive a new one?",
            _numbers(24, 60),
        ),
        Rule(
            "Loss and theft",
            "Report it to {v} within the hour.",
            "Whom should I tell right away if somebody stole my notebook in {site}?",
            (
                "the night desk",
                "the gatehouse",
                "the duty officer",
                "the site manager",
                "the insurance desk",
                "the switchboard",
            ),
        ),
        Rule(
            "Screens",
            "Each desk may have {v} of them.",
            "How many displays can one person in {site} have?",
            ("two", "three", "four", "five"),
        ),
    ),
    "Building": (
        Rule(
            "Access",
            "The doors open with a badge from {v}.",
            "During which hours can staff get inside the {site} office?",
            _HOURS,
        ),
        Rule(
            "Fire alarm",
            "Gather at {v} and wait for the roll call.",
            "Where is the assembly point in {site} when the alarm rings?",
            _PLACES,
        ),
        Rule(
            "Heating",
            "The thermostat is fixed at {v} degrees in winter.",
            "How warm is the {site} office kept during the cold season?",
            _numbers(17, 24),
        ),
        Rule(
            "Lost property",
            "Found items wait {v} weeks at reception.",
            "For how long does the {site} front desk hold a forgotten umbrella?",
            _numbers(2, 26),
        ),
    ),
    "Money": (
        Rule(
            "Advances",
            "Ask for one at least {v} working days ahead.",
            "How early must I request cash before a journey from {site}?",
            _numbers(2, 15),
        ),
        Rule(
            "Receipts",
            "Claims older than {v} weeks are turned down.",
            "What is the latest I can hand in expenses at {site}?",
            _numbers(3, 20),
        ),
        Rule(
            "Payday",
            "Salaries arrive on the {v} of the month.",
            "When does my wage land in the bank in {site}?",
            _numbers(20, 28, "{}th"),
        ),
    ),
    "Learning": (
        Rule(
            "Courses",
            "Everyone may spend {v} a year on training.",
            "How much is there for each person in {site} to go on courses?",
            _EUROS,
        ),
        Rule(
            "Books",
            "Order through {v}; no approval needed.",
            "Who do I turn to in {site} to get a textbook?",
            (
                "the library",
                "the front office",
                "the print shop",
                "the corner bookshop",
                "the works council",
                "the study group",
            ),
        ),
        Rule(
            "Languages",
            "Classes take place on {v} evenings.",
            "What night are the language lessons in {site}?",
            _WEEKDAYS,
        ),
    ),
    "Newcomers": (
        Rule(
            "First day",
            "Come to {v} at nine.",
            "Where should a fresh colleague in {site} show up in the morning?",
            _PLACES,
        ),
        Rule(
            "Probation", "It lasts {v} months.", "How long is the trial period for recruits in {site}?", _numbers(2, 9)
        ),
        Rule(
            "Mentor",
            "A buddy is assigned for the first {v} weeks.",
            "For how long does a mentor look after a fresh hire in {site}?",
            _numbers(3, 16),
        ),
    ),
    "Health": (
        Rule(
            "Eyesight",
            "Glasses for screen work are paid up to {v}.",
            "What does {site} contribute to spectacles?",
            _EUROS,
        ),
        Rule("First aid", "The kit hangs beside {v}.", "Where do I find bandages in {site}?", _PLACES),
        Rule(
            "Vaccination",
            "Flu shots are offered each {v}.",
            "When can one get a jab against influenza in {site}?",
            _MONTHS,
        ),
    ),
    "Working hours": (
        Rule(
            "Core time",
            "Be reachable from {v}.",
            "During what part of the day must people in {site} be available?",
            _HOURS,
        ),
        Rule(
            "Overtime",
            "Extra hours are paid out once they exceed {v}.",
            "How much additional work must pile up in {site} before it turns into cash?",
            _numbers(8, 60),
        ),
        Rule(
            "Remote work",
            "Up to {v} days a week from home are fine.",
            "How often may I telecommute in {site}?",
            ("one", "two", "three", "four"),
        ),
    ),
}
