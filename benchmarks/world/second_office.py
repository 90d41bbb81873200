"""The second wording of questions on people, projects and servers, written apart from the first. Data only.

Under "kind.attribute" stand ways of asking with {s}, the thing; under "kind.attribute of" ways of looking up an
identifier with {v}. {short} is the thing without small words, as in "Cork March 2019" or "squeaky rack".
"""

from collections.abc import Mapping, Sequence

OFFICE: Mapping[str, Sequence[str]] = {
    "people.role": (
        "What does {s} do here?",
        "{s} job title",
        "I'm about to meet {s} for the first time. What's their position with us?",
        "As what is {s} employed?",
    ),
    "people.city": (
        "Where is {s}'s home?",
        "which town is {s} living in",
        "{s} city",
        "Can you remind me what city {s} is based in?",
    ),
    "people.extension": (
        "I have to ring {s}. Which internal number do I dial?",
        "{s} phone extension",
        "What's {s}'s extension?",
        "On what number can I reach {s} by phone?",
    ),
    "people.badge": ("badge no. of {s}", "What number is on {s}'s badge?", "Which badge was given to {s}?"),
    "people.badge of": (
        "badge {v} - who does it belong to?",
        "Somebody found badge {v} in the lift. Whose is it?",
        "Who has been issued badge {v}?",
    ),
    "people.birthday": (
        "When was {s} born - which day do we congratulate?",
        "{s} birthday",
        "I don't want to forget the cake: what day is {s}'s birthday?",
    ),
    "people.start": (
        "Since when has {s} been working with us?",
        "{s} joining date",
        "What was {s}'s first day at the company?",
        "how long has {s} been here, since what date",
    ),
    "people.bay": (
        "Where does {s} park?",
        "{s} parking space",
        "A car is blocking the way, I think it's near {s}'s spot. Which one is that?",
    ),
    "people.diet": (
        "I'm cooking for {s}, any dietary requirements?",
        "Is there anything {s} doesn't eat, I mean what diet are they on?",
        "{s} food preferences",
    ),
    "people.manager": (
        "Who's {s}'s boss?",
        "{s} reports to whom",
        "Which manager is {s} under?",
        "If I want to complain about {s}, who is their line manager?",
    ),
    "projects.budget": (
        "How much money has been set aside for {s}?",
        "{short} budget",
        "what's the budget for {s}",
        "Tell me how much we can spend on {s}.",
    ),
    "projects.deadline": (
        "When does {s} have to be done?",
        "{short} deadline",
        "By which date must {s} be finished?",
        "When's {s} due?",
    ),
    "projects.kickoff": (
        "When did {s} start?",
        "{short} kickoff date",
        "What day did we kick off {s}?",
        "I'm writing the report on {s} and need to know when it was launched.",
    ),
    "projects.client": (
        "Who are we doing {s} for?",
        "{short} customer",
        "Which client commissioned {s}?",
        "who's paying for {s}, what's the client called",
    ),
    "projects.cost_centre": (
        "Where do I book my hours for {s}, which cost centre?",
        "{short} cost centre",
        "What cost centre should I put on the timesheet for {s}?",
    ),
    "projects.cost_centre of": (
        "{v} - which project is that?",
        "cost centre {v}",
        "I see {v} on my timesheet. What project is charged to that cost centre?",
    ),
    "projects.contract": (
        "contract no. {short}",
        "Which contract covers {s}?",
        "Legal wants the contract number for {s}, what is it?",
    ),
    "projects.contract of": (
        "What project does contract {v} belong to?",
        "contract {v}",
        "I've got a letter that quotes contract number {v}. Which of our projects is that about?",
    ),
    "projects.staff": (
        "What's the team size on {s}?",
        "How many of us are working on {s}?",
        "{short} number of team members",
        "how big is the {s} team",
    ),
    "projects.lead": (
        "Who's in charge of {s}?",
        "{short} project lead",
        "Which person is heading {s}?",
        "Whom should I talk to about {s}, who's running it?",
    ),
    "projects.host": (
        "Where does {s} run, on what machine?",
        "{short} server",
        "Which box is {s} hosted on?",
        "What server do we have {s} on?",
    ),
    "servers.address": (
        "{short} ip",
        "Under what address can I reach {s}?",
        "What's the IP of {s}?",
        "I need to add {s} to the firewall rules, what is its address?",
    ),
    "servers.address of": (
        "{v} which server is that",
        "There's odd traffic from {v}. Which of our machines is it?",
        "What host has the IP {v}?",
    ),
    "servers.memory": (
        "{short} RAM",
        "How many gigabytes of RAM are in {s}?",
        "What memory is {s} fitted with?",
        "how much ram has {s} got",
    ),
    "servers.disk": (
        "What's the disk size of {s}?",
        "{short} disk space",
        "How much storage is there on {s}?",
        "how many terabytes fit on {s}",
    ),
    "servers.ssh_port": (
        "I can't log in to {s}, which port do I have to use for ssh?",
        "{short} ssh port",
        "What port is sshd on for {s}?",
    ),
    "servers.rack": (
        "Where in the data centre do I find {s}? Which rack?",
        "{short} rack position",
        "What rack has {s} been put in?",
    ),
    "servers.backup": (
        "At what time is {s} backed up?",
        "{short} backup time",
        "When do the nightly backups begin on {s}?",
    ),
    "servers.system": (
        "What OS is on {s}?",
        "{short} operating system version",
        "Which distribution did we install on {s}?",
    ),
    "servers.serial": (
        "{short} serial no",
        "The vendor asks for the serial number of {s}. What is it?",
        "What's the S/N of {s}?",
    ),
    "servers.serial of": (
        "serial {v}",
        "Which box has {v} printed on it as its serial number?",
        "What machine is the one with the serial {v}?",
    ),
    "servers.owner": (
        "Who's responsible for {s}?",
        "{short} owner",
        "Who takes care of {s}?",
        "{s} is down again, whose machine is it?",
    ),
}
