"""The history of the PostgreSQL schema, one file a step; `onevoice.store.migrate` runs them."""
