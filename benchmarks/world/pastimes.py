"""Recipes, papers, invoices and trips: the other half of a person's notes."""

from random import Random

from benchmarks.world import names
from benchmarks.world.kinds import Attribute, Kind


def _ingredient(name: str, least: int, most: int, share: float) -> Attribute:
    return Attribute(
        name,
        (name.capitalize(),),
        (f"It takes {{v}} of {name}.", f"Use {{v}} {name}."),
        (f"How much {name} goes into the {{s}}?", f"How many grams of {name} does the {{s}} take?"),
        lambda rng: f"{rng.randint(least // 5, most // 5) * 5} g",
        share=share,
        is_number=True,
    )


def _day(rng: Random) -> str:
    return f"{rng.randint(2021, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


RECIPES = Kind(
    name="recipes",
    folder="recipes",
    called="{}",
    sections=("Ingredients", "Method", "Notes"),
    tags=("baking", "dessert", "tried"),
    attributes=(
        Attribute(
            "oven",
            ("Oven", "Oven temperature"),
            ("The oven temperature for the {s} is {v}.", "Bake it in the oven at {v}."),
            ("What oven temperature does the {s} need?", "How hot must the oven be for the {s}?"),
            lambda rng: f"{rng.randint(29, 46) * 5} °C",
            is_number=True,
        ),
        Attribute(
            "baking",
            ("Baking time",),
            ("The {s} bakes for {v}.", "Baking takes {v}."),
            ("How long does the {s} bake?", "What is the baking time of the {s}?"),
            lambda rng: f"{rng.randint(11, 74)} minutes",
            is_number=True,
        ),
        _ingredient("flour", 90, 480, 0.85),
        _ingredient("sugar", 40, 320, 0.8),
        _ingredient("butter", 50, 300, 0.6),
        Attribute(
            "rest",
            ("Resting time",),
            ("Let the dough rest for {v}.", "The {s} rests for {v}."),
            ("How long does the dough of the {s} rest?",),
            lambda rng: f"{rng.randint(2, 19)} hours",
            share=0.4,
            is_number=True,
        ),
        Attribute(
            "servings",
            ("Servings",),
            ("The {s} is enough for {v} servings.",),
            ("How many servings does the {s} give?",),
            lambda rng: str(rng.randint(3, 24)),
            share=0.6,
            is_number=True,
        ),
        Attribute(
            "source",
            ("Source", "Recipe from"),
            ("The recipe comes from {v}.", "Source of the {s}: {v}."),
            ("Who is the source of the {s} recipe?", "Whom does the recipe for the {s} come from?"),
            share=0.6,
            links_to="people",
        ),
    ),
)

PAPERS = Kind(
    name="papers",
    folder="papers",
    called="{}",
    sections=("Summary", "Set-up", "Remarks of mine"),
    tags=("reading", "cited", "survey"),
    attributes=(
        Attribute(
            "dataset",
            ("Dataset", "Data"),
            ("They evaluate on the dataset {v}.", "The dataset of {s} is {v}."),
            ('Which dataset does "{s}" use?',),
            lambda rng: f"{rng.choice(names.DATASETS)}-{rng.randint(2, 9)}",
        ),
        Attribute(
            "sample",
            ("Sample size",),
            ("The sample size is {v}.", "{s} has a sample size of {v}."),
            ('What is the sample size in "{s}"?',),
            lambda rng: f"{rng.randint(1, 98)},{rng.randint(100, 999)}",
            share=0.7,
            is_number=True,
        ),
        Attribute(
            "rate",
            ("Learning rate",),
            ("The learning rate is {v}.", "They train with a learning rate of {v}."),
            ('What learning rate does "{s}" train with?',),
            lambda rng: f"{rng.randint(1, 9)}.{rng.randint(1, 9)}e-{rng.randint(3, 6)}",
            share=0.6,
            is_number=True,
        ),
        Attribute(
            "venue",
            ("Venue", "Published at"),
            ("{s} was published at the {v}.",),
            ('Where was "{s}" published?', 'At which venue was "{s}" published?'),
            lambda rng: f"{rng.choice(names.VENUES)} {rng.randint(2014, 2024)}",
        ),
        Attribute(
            "doi",
            ("DOI",),
            ("Its DOI is {v}.",),
            ('What is the DOI of "{s}"?',),
            lambda rng: (
                f"10.{rng.randint(50000, 59999)}/{rng.choice(('fen', 'reed', 'marsh'))}.{rng.randint(1000, 9999)}"
            ),
            share=0.6,
            reverse=("Which paper has the DOI {v}?",),
        ),
        Attribute(
            "score",
            ("F1", "F1 score"),
            ("The best F1 score is {v}.", "{s} reaches an F1 score of {v}."),
            ('Which F1 score does "{s}" report?',),
            lambda rng: f"{rng.randint(41, 93)}.{rng.randint(1, 9)}",
            share=0.7,
            is_number=True,
        ),
        Attribute(
            "lent",
            ("Printed copy lent to",),
            ("The printed copy is lent to {v}.",),
            ('Who has the printed copy of "{s}"?', 'To whom is the printed copy of "{s}" lent?'),
            share=0.5,
            links_to="people",
        ),
    ),
)

INVOICES = Kind(
    name="invoices",
    folder="invoices",
    called="Invoice {}",
    sections=("Figures", "Terms", "History"),
    tags=("open", "paid", "disputed"),
    attributes=(
        Attribute(
            "amount",
            ("Amount", "Invoice amount"),
            ("The amount of {s} is {v}.",),
            ("What is the amount of invoice {s}?", "How much is invoice {s}?"),
            lambda rng: f"{rng.randint(1, 29)},{rng.randint(100, 999)}.{rng.randint(10, 99)} EUR",
            is_number=True,
        ),
        Attribute(
            "supplier",
            ("Supplier",),
            ("The supplier of {s} is {v}.", "{s} came from the supplier {v}."),
            ("Which supplier sent invoice {s}?", "Who is the supplier of invoice {s}?"),
            lambda rng: rng.choice(names.SUPPLIERS),
        ),
        Attribute("due", ("Due",), ("{s} is due on {v}.",), ("When is invoice {s} due?",), _day, share=0.75),
        Attribute(
            "order",
            ("Purchase order", "PO"),
            ("{s} belongs to purchase order {v}.",),
            ("Which purchase order does invoice {s} belong to?",),
            lambda rng: f"PO-{rng.randint(20000, 99999)}",
            share=0.6,
            reverse=("Which invoice belongs to {v}?", "Which invoice belongs to purchase order {v}?"),
        ),
        Attribute(
            "discount",
            ("Discount",),
            ("The supplier granted a discount of {v}.",),
            ("What discount does invoice {s} have?",),
            lambda rng: f"{rng.randint(2, 24)} %",
            share=0.4,
            is_number=True,
        ),
        Attribute(
            "approver",
            ("Approved by",),
            ("{s} was approved by {v}.",),
            ("Who approved invoice {s}?",),
            share=0.7,
            links_to="people",
        ),
    ),
)

_HOUSES = ("Casa", "Haus", "Villa", "Pensão")
_HOUSE_NAMES = ("Aurora", "Amaro", "Lindt", "Linde", "Vista", "Vesta")

TRIPS = Kind(
    name="trips",
    folder="trips",
    called="Trip to {}",
    sections=("Booking", "Stay", "Afterwards"),
    tags=("travel", "conference", "family"),
    attributes=(
        Attribute(
            "hotel",
            ("Hotel",),
            ("We stayed at the hotel {v}.",),
            ("Which hotel was booked for the trip to {s}?",),
            lambda rng: f"{rng.choice(_HOUSES)} {rng.choice(_HOUSE_NAMES)}",
        ),
        Attribute(
            "booking",
            ("Booking code",),
            ("The booking code is {v}.",),
            ("What is the booking code of the trip to {s}?",),
            lambda rng: "".join(rng.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(3)) + f"{rng.randint(100, 999)}",
            share=0.7,
            reverse=("Which trip has the booking code {v}?",),
        ),
        Attribute(
            "flight",
            ("Flight",),
            ("The flight out was {v}.",),
            ("Which flight did the trip to {s} begin with?", "Which flight was taken on the trip to {s}?"),
            lambda rng: f"{rng.choice(('LX', 'TP', 'SK', 'LO'))}{rng.randint(210, 1890)}",
            share=0.7,
            reverse=("On which trip was flight {v} taken?",),
        ),
        Attribute(
            "cost",
            ("Total cost",),
            ("The total cost was {v}.",),
            ("What was the total cost of the trip to {s}?", "How much did the trip to {s} cost in total?"),
            lambda rng: f"{rng.randint(1, 4)},{rng.randint(100, 999)} EUR",
            share=0.8,
            is_number=True,
        ),
        Attribute(
            "nights",
            ("Nights",),
            ("We booked {v} nights.",),
            ("How many nights did the trip to {s} have?",),
            lambda rng: str(rng.randint(2, 16)),
            share=0.6,
            is_number=True,
        ),
        Attribute(
            "companion",
            ("Travelled with",),
            ("I travelled with {v}.",),
            ("Who came along on the trip to {s}?", "With whom did I travel on the trip to {s}?"),
            share=0.7,
            links_to="people",
        ),
    ),
)
