//! What the edge lets through, and what it says otherwise.

mod administered;
mod admission;
mod explained;
mod headers;
mod outage;
mod requests;
mod sites;
mod streams;
