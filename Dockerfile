# Two images from one file: `api` answers requests and holds no torch; `train` encodes, builds and trains.
FROM python:3.11-slim AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --create-home --uid 10001 shopgraph \
    && install --directory --owner shopgraph --group shopgraph /var/lib/shopgraph
WORKDIR /src
COPY requirements.lock ./
# The lock holds every extra. As constraints it pins what an extra needs and adds nothing; pip takes no
# hashes in constraints.
RUN sed -E '/--hash=/d; s/ \\$//' requirements.lock > constraints.txt
COPY pyproject.toml README.md ./
COPY cypher cypher
COPY examples examples
COPY kg kg
COPY gnn gnn
COPY api api
COPY shopgraph shopgraph
ENV SHOPGRAPH_HOME=/var/lib/shopgraph
ENTRYPOINT ["shopgraph"]

FROM base AS api
RUN pip install --constraint constraints.txt '.[api]'
USER shopgraph
WORKDIR /home/shopgraph
EXPOSE 8000
CMD ["api", "serve", "--wait", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS train
RUN pip install --constraint constraints.txt '.[api,train,refresh]'
USER shopgraph
WORKDIR /home/shopgraph
CMD ["--help"]
