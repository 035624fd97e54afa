//! Clients in memory, as long as nothing says that they changed.

use std::sync::Arc;

use crate::{app::App, domain::client::Client, store::StoreResult};

/// The client of this id.
///
/// # Errors
/// When the store fails.
pub async fn find(app: &App, client_id: &str) -> StoreResult<Option<Arc<Client>>> {
    Ok(app.identity.find_client(client_id).await?.map(Arc::new))
}
