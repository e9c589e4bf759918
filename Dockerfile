# One image for a workstation, a SLURM or Kubernetes job array (docs/clusters.md) and Dask workers.
#   docker build -t videotx .
#   docker run --rm -v /data:/data videotx extract --src /data/videos --out /data/shards.zarr

FROM python:3.12-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# --build-arg PIP_EXTRA_INDEX_URL=... names a package index with CPU builds of torch, gigabytes smaller than the others.
ARG PIP_EXTRA_INDEX_URL
RUN python -m venv /opt/videotx \
 && /opt/videotx/bin/pip install --no-cache-dir -c constraints.txt torch \
 && /opt/videotx/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && /opt/videotx/bin/pip install --no-cache-dir -c constraints.txt /wheels/videotx-*.whl

FROM python:3.12-slim
RUN useradd --create-home --uid 1000 videotx
COPY --from=build /opt/videotx /opt/videotx
ENV PATH=/opt/videotx/bin:$PATH
USER 1000
WORKDIR /home/videotx
ENTRYPOINT ["videotx"]
CMD ["--help"]
