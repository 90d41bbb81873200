"""People, projects and servers: who is who, what is planned, what runs where."""

from random import Random

from benchmarks.world import names
from benchmarks.world.kinds import Attribute, Kind


def _day(rng: Random) -> str:
    return f"{rng.randint(2022, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _euros(rng: Random) -> str:
    return f"{rng.randint(12, 480)},{rng.randint(0, 19) * 50:03} EUR"


PEOPLE = Kind(
    name="people",
    folder="people",
    called="{}",
    sections=("Contact", "Work", "Other"),
    tags=("staff", "contact", "team"),
    attributes=(
        Attribute(
            "role",
            ("Role", "Job", "Position"),
            ("{s} works as {v}.", "{s} is our {v}."),
            ("What is the role of {s}?", "What job does {s} have?"),
            lambda rng: f"{rng.choice(('senior', 'junior', 'deputy'))} {rng.choice(names.ROLES)}",
            share=0.95,
        ),
        Attribute(
            "city",
            ("City", "Lives in"),
            ("{s} lives in {v}.",),
            ("In which city does {s} live?", "Where does {s} live?"),
            lambda rng: rng.choice(names.CITIES),
            share=0.9,
        ),
        Attribute(
            "extension",
            ("Extension", "Phone extension"),
            ("{s} can be reached on extension {v}.", "The phone extension of {s} is {v}."),
            ("What is the phone extension of {s}?", "Which extension does {s} have?"),
            lambda rng: str(rng.randint(2100, 8999)),
            is_number=True,
        ),
        Attribute(
            "badge",
            ("Badge", "Badge number"),
            ("{s} carries badge {v}.",),
            ("What is the badge number of {s}?",),
            lambda rng: f"{rng.randint(31, 58)}-{rng.randint(1000, 9999)}",
            share=0.7,
            reverse=("Who carries badge {v}?", "Whose badge number is {v}?"),
        ),
        Attribute(
            "birthday",
            ("Birthday",),
            ("The birthday of {s} is {v}.", "{s} has a birthday on {v}."),
            ("When is the birthday of {s}?",),
            lambda rng: f"{rng.randint(1, 28)} {rng.choice(('March', 'May', 'June', 'August', 'October', 'December'))}",
            share=0.6,
        ),
        Attribute(
            "start",
            ("Joined", "Started on"),
            ("{s} joined on {v}.", "{s} started on {v}."),
            ("When did {s} join?", "On which date did {s} start?"),
            _day,
            share=0.7,
        ),
        Attribute(
            "bay",
            ("Parking bay",),
            ("{s} parks in bay {v}.",),
            ("Which parking bay does {s} have?",),
            lambda rng: f"{rng.choice('ABCD')}{rng.randint(10, 99)}",
            share=0.45,
        ),
        Attribute(
            "diet",
            ("Diet", "Food"),
            ("{s} eats {v} food.",),
            ("What diet does {s} follow?", "What kind of food does {s} eat?"),
            lambda rng: rng.choice(("vegan", "vegetarian", "gluten-free", "lactose-free", "halal", "kosher")),
            share=0.4,
        ),
        Attribute(
            "manager",
            ("Manager", "Reports to"),
            ("{s} reports to {v}.", "The manager of {s} is {v}."),
            ("Who is the manager of {s}?", "Whom does {s} report to?"),
            share=0.7,
            links_to="people",
        ),
    ),
)

PROJECTS = Kind(
    name="projects",
    folder="projects",
    called="Project {}",
    sections=("Overview", "Money", "Plan"),
    tags=("active", "client", "internal"),
    attributes=(
        Attribute(
            "budget",
            ("Budget", "Approved budget"),
            ("{s} has a budget of {v}.", "The budget of {s} is {v}."),
            ("What is the budget of Project {s}?", "How large is the budget of Project {s}?"),
            _euros,
            is_number=True,
        ),
        Attribute(
            "deadline",
            ("Deadline",),
            ("The deadline of {s} is {v}.", "{s} has its deadline on {v}."),
            ("What is the deadline of Project {s}?",),
            _day,
        ),
        Attribute(
            "kickoff",
            ("Kickoff",),
            ("The kickoff of {s} took place on {v}.",),
            ("When was the kickoff of Project {s}?",),
            _day,
            share=0.6,
        ),
        Attribute(
            "client",
            ("Client", "Customer"),
            ("The client of {s} is {v}.", "{s} is done for {v} as its client."),
            ("Who is the client of Project {s}?",),
            lambda rng: rng.choice(names.CLIENTS),
            share=0.8,
        ),
        Attribute(
            "cost_centre",
            ("Cost centre",),
            ("Hours on {s} go to cost centre {v}.",),
            ("Which cost centre does Project {s} use?",),
            lambda rng: f"CC-{rng.randint(3000, 8999)}",
            share=0.55,
            reverse=("Which project books on cost centre {v}?", "What goes to cost centre {v}?"),
        ),
        Attribute(
            "contract",
            ("Contract", "Contract number"),
            ("{s} runs under contract {v}.",),
            ("What is the contract number of Project {s}?",),
            lambda rng: f"{rng.choice('KLMN')}{rng.choice('TVWX')}-{rng.randint(10000, 99999)}",
            share=0.55,
            reverse=("Which project runs under contract {v}?",),
        ),
        Attribute(
            "staff",
            ("Team size",),
            ("{v} people work on {s} as its team.", "The team of {s} counts {v} people."),
            ("How many people are on the team of Project {s}?",),
            lambda rng: str(rng.randint(3, 41)),
            share=0.6,
            is_number=True,
        ),
        Attribute(
            "lead",
            ("Lead", "Project lead"),
            ("The lead of {s} is {v}.", "{s} is led by {v} as project lead."),
            ("Who is the lead of Project {s}?", "Who leads Project {s}?"),
            share=0.9,
            links_to="people",
        ),
        Attribute(
            "host",
            ("Hosted on", "Server"),
            ("{s} is hosted on {v}.", "The server of {s} is {v}."),
            ("On which server is Project {s} hosted?",),
            share=0.7,
            links_to="servers",
        ),
    ),
)

SERVERS = Kind(
    name="servers",
    folder="servers",
    called="{}",
    sections=("Hardware", "Network", "Care"),
    tags=("hardware", "production", "staging"),
    attributes=(
        Attribute(
            "address",
            ("Address", "IP"),
            ("The address of {s} is {v}.", "{s} answers on {v}."),
            ("What is the IP address of {s}?",),
            lambda rng: f"10.{rng.randint(2, 9)}.{rng.randint(10, 60)}.{rng.randint(2, 250)}",
            reverse=("Which server has the address {v}?", "Which machine answers on {v}?"),
        ),
        Attribute(
            "memory",
            ("Memory", "RAM"),
            ("{s} has {v} of memory.",),
            ("How much memory does {s} have?",),
            lambda rng: f"{rng.choice((8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384))} GB",
            is_number=True,
        ),
        Attribute(
            "disk",
            ("Disk",),
            ("The disk of {s} holds {v}.",),
            ("How big is the disk of {s}?",),
            lambda rng: f"{rng.choice((2, 3, 4, 6, 8, 10, 12, 16, 18, 20))}.{rng.randint(1, 9)} TB",
            share=0.6,
            is_number=True,
        ),
        Attribute(
            "ssh_port",
            ("SSH port",),
            ("SSH on {s} listens on port {v}.",),
            ("Which SSH port does {s} use?", "On which port does SSH listen on {s}?"),
            lambda rng: str(rng.randint(2200, 9899)),
            share=0.6,
            is_number=True,
        ),
        Attribute(
            "rack",
            ("Rack",),
            ("{s} stands in rack {v}.",),
            ("In which rack does {s} stand?", "Which rack is {s} in?"),
            lambda rng: f"R{rng.randint(1, 14)}-U{rng.randint(1, 42)}",
            share=0.7,
        ),
        Attribute(
            "backup",
            ("Backup window", "Backup"),
            ("The backup of {s} starts at {v}.",),
            ("When does the backup of {s} start?",),
            lambda rng: f"{rng.randint(0, 5):02}:{rng.choice((5, 10, 20, 25, 35, 40, 50, 55)):02}",
            share=0.65,
        ),
        Attribute(
            "system",
            ("Operating system", "OS"),
            ("{s} runs {v}.",),
            ("Which operating system does {s} run?",),
            lambda rng: (
                f"{rng.choice(('Debian', 'Ubuntu', 'Alpine', 'FreeBSD'))} {rng.randint(9, 24)}.{rng.randint(0, 10)}"
            ),
            share=0.75,
        ),
        Attribute(
            "serial",
            ("Serial number",),
            ("The serial number of {s} is {v}.",),
            ("What is the serial number of {s}?",),
            lambda rng: f"SN{rng.randint(100, 999)}{rng.choice('QRTWZ')}{rng.randint(1000, 9999)}",
            share=0.5,
            reverse=("Which server has serial number {v}?",),
        ),
        Attribute(
            "owner",
            ("Owner", "Looked after by"),
            ("{s} is looked after by {v}, its owner.", "The owner of {s} is {v}."),
            ("Who is the owner of {s}?", "Who owns {s}?"),
            share=0.75,
            links_to="people",
        ),
    ),
)
