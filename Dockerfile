# One image for every process: `followup web`, `followup migrate`, `celery -A tasks worker`,
# `celery -A tasks beat`. docker-compose.yml shows them together.
ARG PYTHON=python:3.11.15-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The dependencies come first: they change seldom, and this layer is then kept. They are installed as
# the Makefile does it, which says why: nothing but what the locks hold, resolved and built by nobody.
ARG FROM_LOCK="--require-hashes --no-deps --only-binary :all:"
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /opt/followup \
    && /opt/followup/bin/pip install $FROM_LOCK -r requirements.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install $FROM_LOCK -r requirements-build.txt
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/followup/bin/pip install --no-deps /dist/*.whl \
    && /opt/followup/bin/pip check

FROM ${PYTHON}
ENV PATH=/opt/followup/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FOLLOWUP_DATA_DIR=/var/lib/followup \
    FOLLOWUP_HOST=0.0.0.0 \
    FOLLOWUP_LOG_FORMAT=json
# A number, so that Kubernetes can see that it is not root.
RUN groupadd --gid 10001 followup \
    && useradd --uid 10001 --gid followup --no-create-home --home-dir /var/lib/followup followup \
    && install --directory --mode 0700 --owner followup --group followup /var/lib/followup
COPY --from=build /opt/followup /opt/followup
USER 10001:10001
WORKDIR /var/lib/followup
EXPOSE 8000
# Only the web process listens; docker-compose.yml says how to ask the others.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["followup", "web"]
