//! What the edge lets through, and what it says otherwise.

mod administered;
mod admission;
mod api_keys;
mod endings;
mod explained;
mod figures;
mod headers;
mod in_chromium;
mod outage;
mod requests;
mod session;
mod sites;
mod streams;
mod tls;
