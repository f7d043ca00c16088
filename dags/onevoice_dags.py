"""All DAGs of the hub, made from the `onevoice.toml` that ONEVOICE_CONFIG names: one read of that file, nothing else.

A mistake in it shows in Airflow as an import error that names the key and what to write.
"""

from onevoice.airflow import configured_dags

globals().update(configured_dags())
