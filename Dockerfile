# The one binary on Debian, without root. docker-compose.yml runs server, edge and demo site from it.

FROM rust:1.91-bookworm AS build
# pingora's zlib-ng is built with cmake.
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY jwks jwks
COPY server server
COPY edge edge
COPY tests tests
COPY migrations migrations
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist -p server --bin signalbox \
    && install -D target/dist/signalbox /out/signalbox

FROM debian:bookworm-slim
# curl asks for health; openssl makes the secrets of docker-compose.yml.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl openssl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/signalbox \
        --shell /usr/sbin/nologin signalbox \
    && install -d -o signalbox -g signalbox -m 0700 /var/lib/signalbox /run/signalbox \
        /run/signalbox/server /run/signalbox/postgres /run/signalbox/mail /run/signalbox/edge
COPY --from=build /out/signalbox /usr/local/bin/signalbox
USER signalbox
WORKDIR /var/lib/signalbox
# The server and the edge.
EXPOSE 8080 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["curl", "-fsS", "http://127.0.0.1:8080/health/ready"]
ENTRYPOINT ["signalbox"]
CMD ["serve", "--data", "/var/lib/signalbox", "--log", "json"]
