"""`python -m onevoice`: the same as the `onevoice` command."""

from onevoice.cli import main

if __name__ == "__main__":
    main()
