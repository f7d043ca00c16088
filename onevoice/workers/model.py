"""The matching model of a hub: the shipped one, with the settings of its rules and the ids that it declares."""

from onevoice.config import Config
from onevoice.identity import Model


def load_model(config: Config) -> Model:
    """Read `rules/identity.yaml` and `[identity]` of onevoice.toml.

    Raises:
        ConfigurationError: a key is wrong; the message names it.
    """
    path = config.root / "rules" / "identity.yaml"
    return Model.load(path, trusted=config.trusted_ids, one_per_customer=config.one_per_customer)
