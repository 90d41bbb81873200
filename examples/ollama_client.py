"""Uses sonar through Ollama's own Python client: `pip install ollama`, then run this in a project's folder.

A program that knows only Ollama gets sonar's choice of models, privacy and limits on money this way. The client speaks
TCP, so the port has to be open: `amalfa config set sonar.http.enabled true`, `amalfa sonar restart`.
"""

import json
import subprocess
import sys

from ollama import Client


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
    client = Client(host=port["url"], headers={"Authorization": f"Bearer {printed('amalfa', 'sonar', 'token')}"})

    names = [model.model for model in client.list().models]
    show(f"models: {', '.join(name for name in names if name)}\n")

    question = "Who is on call this week?"
    answer = client.chat(model="amalfa/synthesize", messages=[{"role": "user", "content": question}])
    show(f"from the notes: {answer.message.content}\n")

    show("streamed: ")
    for piece in client.generate(model="amalfa", prompt="Say hello.", stream=True):
        show(piece.response or "")
    show("\n")


if __name__ == "__main__":
    main()
