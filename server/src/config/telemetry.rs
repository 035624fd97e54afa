use serde::{Deserialize, Serialize};
use url::Url;

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySection {
    /// Where a span of each request to the server is sent: the OTLP/HTTP address of a collector, such as
    /// `http://127.0.0.1:4318/v1/traces`. Only in a build with the cargo feature `otel`.
    pub otlp_url: Option<Url>,
    /// Which share of the requests is sent, 0 to 1. A `traceparent` from a trusted proxy decides
    /// for its own. Only in a build with the cargo feature `otel`.
    pub sample_ratio: f64,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self { otlp_url: None, sample_ratio: 1.0 }
    }
}
