# Two images from one file: `hub` (the hub, its connectors and the sample systems) and `airflow` (the same with
# Airflow). Built by `docker compose build`. Never built on the machines on which this was written: see docs.

FROM python:3.11.14-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

FROM base AS build
RUN python -m pip install --no-cache-dir uv==0.13.9
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
# Dependencies first: they change less often than the code.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --no-install-project
COPY README.md ./
COPY onevoice onevoice
COPY connectors connectors
COPY samples samples
COPY rules rules
COPY schemas schemas
RUN uv sync --frozen --no-default-groups --no-editable

FROM build AS build-airflow
RUN uv sync --frozen --no-default-groups --no-editable --extra airflow

FROM base AS runtime
RUN groupadd --gid 10001 onevoice && useradd --uid 10001 --gid 10001 --home-dir /var/lib/onevoice --create-home onevoice
RUN mkdir -p /var/lib/samples && chown onevoice:onevoice /var/lib/samples
COPY connectors connectors
COPY mappings mappings
COPY schemas schemas
COPY rules rules
ENV PATH=/app/.venv/bin:$PATH ONEVOICE_CONFIG=/etc/onevoice/onevoice.toml

FROM runtime AS airflow
COPY --from=build-airflow /app/.venv .venv
COPY dags dags
RUN mkdir -p /var/lib/airflow && chown onevoice:onevoice /var/lib/airflow
ENV AIRFLOW_HOME=/var/lib/airflow AIRFLOW__CORE__DAGS_FOLDER=/app/dags
USER 10001:10001

FROM runtime AS hub
COPY --from=build /app/.venv .venv
USER 10001:10001
CMD ["onevoice", "run"]
