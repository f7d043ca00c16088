"""What the sample servers share: journal, clock, secrets, forced faults, ready line, outbox."""
