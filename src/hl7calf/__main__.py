"""`python -m hl7calf` is the console script by another name."""

from hl7calf.cli import main

if __name__ == "__main__":
    main()
