# A small image with inseq-cluster alone. Build it in the root of the repository:
#
#     docker build -f docs/examples/kubernetes/cluster.Dockerfile -t inseq-cluster .
FROM rust:1-slim-bookworm AS build
WORKDIR /inseq
COPY . .
RUN apt-get update && apt-get install -y --no-install-recommends build-essential pkg-config && rm -rf /var/lib/apt/lists/*
RUN cargo build --release --locked --manifest-path crates/inseq-cluster/Cargo.toml --features cloud

FROM gcr.io/distroless/cc-debian12
COPY --from=build /inseq/crates/inseq-cluster/target/release/inseq-cluster /usr/local/bin/inseq-cluster
ENTRYPOINT ["inseq-cluster"]
