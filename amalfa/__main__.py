"""`python -m amalfa` is the same command as `amalfa`."""

from amalfa.cli.main import main

if __name__ == "__main__":
    main()
