"""Uses sonar through OpenAI's own Python client: `pip install openai`, then run this in a project's folder.

The client speaks TCP, so the port has to be open: `amalfa config set sonar.http.enabled true`, `amalfa sonar restart`.
"""

import json
import subprocess
import sys

from openai import OpenAI


def printed(*command: str) -> str:
    """What a command prints. The token is asked for here, so that it stands in no file of this program."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603  # fixed words


def show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    port = json.loads(printed("amalfa", "sonar", "status", "--json"))["data"]["http"]
    if port is None:
        raise SystemExit("The TCP port is off. Fix: amalfa config set sonar.http.enabled true && amalfa sonar restart")
    client = OpenAI(base_url=f"{port['url']}/v1", api_key=printed("amalfa", "sonar", "token"))

    # `amalfa`: your own messages; the rules of the configuration choose the model.
    said = client.chat.completions.create(model="amalfa", messages=[{"role": "user", "content": "Say hello."}])
    show(f"hello: {said.choices[0].message.content}\n")

    # `amalfa/synthesize`: a question over the notes, answered with sources.
    question = "Who is on call this week?"
    answer = client.chat.completions.create(model="amalfa/synthesize", messages=[{"role": "user", "content": question}])
    show(f"from the notes: {answer.choices[0].message.content}\n")

    # The same, word by word.
    show("streamed: ")
    for chunk in client.chat.completions.create(
        model="amalfa", messages=[{"role": "user", "content": "Say hello."}], stream=True
    ):
        show(chunk.choices[0].delta.content or "" if chunk.choices else "")
    show("\n")


if __name__ == "__main__":
    main()
