//! `rack.early_hints`: headers that may leave before the response.

use std::sync::Arc;

use magnus::{Error, Ruby, Value};

use crate::answer::Headers;
use crate::exchange::Peer;

const EARLY_HINTS: u16 = 103;

/// Sends `headers` as a 103 response. Once the response has begun, or the client has left, it does
/// nothing.
///
/// # Errors
/// A `Hyperion::Error` when the headers break HTTP.
pub fn send(ruby: &Ruby, peer: Option<Arc<Peer>>, headers: Value) -> Result<(), Error> {
    let Headers { fields, .. } = Headers::read(ruby, headers)?;
    if let Some(peer) = peer
        && peer.is_here()
        && !fields.is_empty()
    {
        peer.inform(EARLY_HINTS, fields);
    }
    Ok(())
}
