"""A small fictitious company to try Onevoice on: four real servers and the people they know.

Nothing here imports the hub or a connector: to the hub these are other people's systems.
"""
