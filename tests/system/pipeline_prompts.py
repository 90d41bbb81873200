"""Prompts of five lines of work in which a topic decides who answers; each with the side it belongs to."""

CREATIVE, TECHNICAL = "creative-handler", "technical-handler"

BY_USE: dict[str, dict[str, tuple[str, ...]]] = {
    "content agency": {
        CREATIVE: (
            "Write three slogans for a bakery that opens at five in the morning.",
            "Draft a warm farewell post for our office dog, who retires on Friday.",
            "Give the spring campaign of a bicycle shop a name and one line below it.",
            "Tell the story of our founder's first kettle in eighty words.",
        ),
        TECHNICAL: (
            "Which meta tags does a product page need so that previews show its picture?",
            "Convert this list of post dates to ISO 8601: 3/4/26, 12/9/26.",
            "Why does our newsletter's table break in Outlook, and what HTML avoids it?",
            "Count how many of these 17 headlines are longer than 60 characters, as a formula.",
        ),
    },
    "developer assistant": {
        CREATIVE: (
            "Name our new command line tool after something that lives in rivers.",
            "Write a cheerful release note opening for a version that only fixes bugs.",
            "Put the joy of deleting dead code into four lines of verse.",
            "Think of a friendly error page text for when we are down on a Sunday.",
        ),
        TECHNICAL: (
            "Why does asyncio.gather swallow the second exception here?",
            "Write a SQL query for the five customers with the most open invoices.",
            "Explain the difference between a mutex and a semaphore with an example in Go.",
            "My container exits with code 137 after ten minutes; what do I look at first?",
        ),
    },
    "tutoring": {
        CREATIVE: (
            "Tell a bedtime story in which the number zero feels left out.",
            "Write a poem that a ten year old can learn about the water cycle.",
            "Invent a character who is afraid of fractions and overcomes it.",
            "Give me an opening sentence for an essay on my grandmother's garden.",
        ),
        TECHNICAL: (
            "Solve 3x + 7 = 25 and show every step.",
            "How many moles are in 36 grams of water?",
            "Prove that the square root of 2 is irrational.",
            "Explain how to find the median of an even number of values.",
        ),
    },
    "support replies": {
        CREATIVE: (
            "Write a heartfelt apology to a guest whose birthday cake arrived upside down.",
            "Make this refusal sound kind: we cannot take back opened tea.",
            "Thank a customer of twenty years in a way that does not sound like a form.",
            "Rewrite our out of office note so that it makes people smile.",
        ),
        TECHNICAL: (
            "The router blinks red after the firmware update; give the steps to reset it.",
            "Which ports have to be open for the desktop client behind a company firewall?",
            "A customer's export has 0 bytes since version 4.2; what should we ask for?",
            "How do I restore a single folder from the nightly backup?",
        ),
    },
    "research assistant": {
        CREATIVE: (
            "Suggest an evocative title for a book about abandoned lighthouses.",
            "Describe the silence of an archive at night, in one paragraph.",
            "Write the first lines of a talk that makes moss sound thrilling.",
            "Find a metaphor for peer review that a child understands.",
        ),
        TECHNICAL: (
            "What sample size detects a difference of 5 % with a power of 0.8?",
            "Turn these five citations into BibTeX.",
            "Which test compares two paired samples that are not normally distributed?",
            "Compute the 95 % confidence interval for a mean of 12.1, s = 3.4, n = 40.",
        ),
    },
}

LABELLED: tuple[tuple[str, str], ...] = tuple(
    (prompt, handler) for sides in BY_USE.values() for handler, prompts in sides.items() for prompt in prompts
)
"""Every prompt with the handler that it is for: twenty for each."""
