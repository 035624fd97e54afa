//! What the edge lets through, and what it says otherwise.

mod admission;
mod api_keys;
mod endings;
mod headers;
mod outage;
mod requests;
mod sites;
mod streams;
