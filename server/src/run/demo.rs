//! `signalbox demo`.

use std::net::SocketAddr;

use server::{demo, http::listener};

use super::{GRACE, Outcome, bind, ending::Ending, failure::Failure, local_address, say};

pub async fn demo_alone(listen: SocketAddr) -> Outcome {
    let ending = Ending::listen().map_err(Failure::failed)?;
    let listener = bind("demo", "--listen", listen).await?;
    say(format!("demo    {}", local_address(listener.local_addr().map_err(Failure::failed)?)))?;
    listener::serve(listener, None, demo::router(), ending.asked(), GRACE).await;
    Ok(())
}
