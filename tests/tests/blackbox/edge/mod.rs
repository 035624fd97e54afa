//! What the edge lets through, and what it says otherwise.

mod admission;
mod headers;
mod outage;
mod requests;
mod sites;
mod streams;
mod tls;
