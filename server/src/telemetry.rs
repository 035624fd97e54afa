//! Traces by OpenTelemetry: a span of each request, sent to a collector (cargo feature `otel`).

use std::{
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::{Status, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::config::Config;

struct Telemetry {
    provider: SdkTracerProvider,
    trusted: Vec<IpNet>,
}

static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();

/// What sends spans as `[telemetry]` says; `None` where it names no collector. To be called
/// outside an async runtime: spans leave on a thread of their own.
///
/// # Errors
/// The setting that cannot be used.
pub fn layer<S>(config: &Config) -> Result<Option<impl Layer<S> + use<S>>, String>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let Some(url) = &config.telemetry.otlp_url else { return Ok(None) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url.as_str())
        .build()
        .map_err(|error| format!("telemetry.otlp_url: {error}"))?;
    let by_ratio = Sampler::TraceIdRatioBased(config.telemetry.sample_ratio);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(by_ratio)))
        .with_resource(Resource::builder().with_service_name("signalbox").build())
        .build();
    let tracer = provider.tracer("signalbox");
    let trusted = config.server.trusted_proxies.clone();
    TELEMETRY.get_or_init(|| Telemetry { provider, trusted });
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    Ok(Some(layer.with_location(false).with_threads(false).with_tracked_inactivity(false)))
}

/// Names the span of a request, and hangs it below its caller's where that is a trusted proxy
/// (W3C Trace Context): nobody else writes into our traces.
pub fn begin(span: &Span, method: &str, route: &str, headers: &HeaderMap, extensions: &Extensions) {
    let Some(telemetry) = TELEMETRY.get() else { return };
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    if peer.is_some_and(|ConnectInfo(peer)| telemetry.trusts(peer.ip().to_canonical())) {
        let parent = TraceContextPropagator::new().extract(&Fields(headers));
        // A span that is not recorded has no parent to be told of.
        drop(span.set_parent(parent));
    }
    span.set_attribute("http.request.method", method.to_owned());
    span.set_attribute("http.route", route.to_owned());
}

/// Notes how a request ended.
pub fn finish(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error("server error"));
    }
}

/// Sends what has not left yet. To be called at the end of the process, outside an async runtime.
pub fn end() {
    if let Some(telemetry) = TELEMETRY.get()
        && let Err(error) = telemetry.provider.shutdown()
    {
        tracing::warn!(%error, "telemetry.otlp_url: the last spans were not sent");
    }
}

impl Telemetry {
    fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&peer))
    }
}

/// The fields of a request. One that stands there twice says nothing.
struct Fields<'h>(&'h HeaderMap);

impl Extractor for Fields<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        match (values.next(), values.next()) {
            (Some(one), None) => one.to_str().ok(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
