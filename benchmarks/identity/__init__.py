"""How well matching finds who is who, beside trivial rivals and Splink, on sets whose truth is known."""
