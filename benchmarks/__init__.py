"""How fast the hub is, beside a floor and a rival, in one run on the same private servers: `python -m benchmarks`."""
