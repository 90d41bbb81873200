"""The second wording of questions on recipes, papers, invoices, trips and runbooks. Data only.

Under "kind.attribute" stand ways of asking with {s}, the thing; under "kind.attribute of" ways of looking up an
identifier with {v}. {short} is the thing without small words, as in "Cork March 2019" or "squeaky rack".
"""

from collections.abc import Mapping, Sequence


def _grams_of(name: str) -> tuple[str, ...]:
    return (
        f"What amount of {name} do I need for the {{s}}?",
        f"{{s}} {name} quantity",
        f"I'm making the {{s}} tonight, how many grams of {name} should I weigh out?",
    )


PASTIMES: Mapping[str, Sequence[str]] = {
    "recipes.oven": (
        "What temperature do I set for the {s}?",
        "{s} oven temp",
        "At how many degrees do you bake the {s}?",
    ),
    "recipes.baking": (
        "How many minutes in the oven for the {s}?",
        "{s} baking time",
        "When can I take the {s} out again, how long does it need in the oven?",
    ),
    "recipes.flour": _grams_of("flour"),
    "recipes.sugar": _grams_of("sugar"),
    "recipes.butter": _grams_of("butter"),
    "recipes.rest": (
        "For how long do I leave the dough of the {s} to rest?",
        "{s} resting time",
        "How many hours does the dough have to sit for the {s}?",
    ),
    "recipes.servings": (
        "How many people can I feed with the {s}?",
        "{s} servings",
        "Will one {s} be enough for the party? How many portions is it?",
    ),
    "recipes.source": (
        "Who gave me the recipe for the {s}?",
        "{s} recipe from whom",
        "Where did I get the {s} from, whose recipe is it?",
    ),
    "papers.dataset": (
        'What data do the authors of "{s}" evaluate on?',
        "{s} dataset",
        "Which benchmark did they use in {s}?",
    ),
    "papers.sample": (
        'How large was the sample in "{s}"?',
        "{s} sample size",
        "On how many samples is the paper {s} based?",
    ),
    "papers.rate": (
        'learning rate in "{s}"',
        "What did they set the learning rate to in {s}?",
        'I want to reproduce "{s}". Which learning rate did they pick?',
    ),
    "papers.venue": (
        "Where did {s} appear?",
        '"{s}" venue',
        'Which conference or workshop was "{s}" presented at?',
    ),
    "papers.doi": ('"{s}" doi', "What DOI do I cite for {s}?", 'I need the DOI of the paper "{s}".'),
    "papers.doi of": (
        "doi {v}",
        "What's the title of the article with DOI {v}?",
        "Someone sent me {v}. Which paper is that?",
    ),
    "papers.score": (
        "How well did {s} do, in terms of F1?",
        '"{s}" F1',
        'What was the best F1 in the paper "{s}"?',
    ),
    "papers.lent": (
        "Who borrowed my printout of {s}?",
        'To whom did I give the paper copy of "{s}"?',
        "{s} printed copy who has it",
    ),
    "invoices.amount": (
        "How much do we have to pay on {s}?",
        "{s} amount",
        "What does invoice {s} come to?",
        "What sum is on invoice {s}?",
    ),
    "invoices.supplier": (
        "Who billed us with {s}?",
        "{s} supplier",
        "Which company is invoice {s} from?",
        "who sent us {s}",
    ),
    "invoices.due": (
        "By when must {s} be paid?",
        "{s} due date",
        "When do we have to settle invoice {s}?",
    ),
    "invoices.order": (
        "Which PO is {s} for?",
        "{s} purchase order",
        "Accounting can't match invoice {s}. What's the order number that goes with it?",
    ),
    "invoices.order of": (
        "What invoice did we get for {v}?",
        "{v} invoice",
        "Has {v} been billed, and on which invoice?",
    ),
    "invoices.discount": (
        "What percentage did we get off {s}?",
        "{s} discount",
        "What price reduction is there on invoice {s}?",
    ),
    "invoices.approver": (
        "Who signed off on {s}?",
        "{s} approved by",
        "Who gave the OK for invoice {s}?",
    ),
    "trips.hotel": (
        "Where did we stay in {s}?",
        "{short} hotel",
        "What was our hotel called when we went to {s}?",
    ),
    "trips.booking": (
        "booking code {short}",
        "What's the reservation code for {s}?",
        "I can't find the confirmation for the {short} trip, what was the booking code?",
    ),
    "trips.booking of": (
        "Which trip did I book under {v}?",
        "booking {v}",
        "What journey does reservation {v} belong to?",
    ),
    "trips.flight": (
        "What was our flight number when we flew to {s}?",
        "{short} flight",
        "Which plane did we take to {s}?",
    ),
    "trips.flight of": (
        "Where was I going on {v}?",
        "flight {v} which trip",
        "When we flew with {v}, what trip was that?",
    ),
    "trips.cost": (
        "What did we spend altogether on {s}?",
        "{short} total cost",
        "How expensive was the trip to {s} all in all?",
    ),
    "trips.nights": (
        "How long did we stay in {s}, how many nights?",
        "{short} number of nights",
        "For how many nights were we booked in for the trip to {s}?",
    ),
    "trips.companion": (
        "Who was with me in {s}?",
        "{short} travelled with",
        "Who did I go with when I went to {s}?",
    ),
    "runbooks.meaning": (
        "The spooler says {s}, what's wrong?",
        "{s} meaning",
        "What is the reason for error {s}?",
    ),
    "runbooks.command": (
        "How do I fix {s}?",
        "{s} fix command",
        "We're getting {s} on the spooler again, what do I have to run to get rid of it?",
    ),
}
