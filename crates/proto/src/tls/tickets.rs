//! Session tickets that every worker of a server can read (RFC 8446, section 4.6.1).
//!
//! The keys follow from one secret, from the rules for clients and from the time, so that workers rotate
//! them together without a word.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;

/// Tells the present.
pub type Clock = fn() -> SystemTime;

/// How long a key encrypts; so long it decrypts afterwards.
const EPOCH_S: u64 = 6 * 3600;

/// Of a ticket: larger ones are none of ours.
const TICKET_BYTES_MAX: usize = 16 * 1024;

/// What the keys of all tickets follow from; made once, before workers are forked.
#[derive(Clone)]
pub struct TicketSecret([u8; 32]);

impl TicketSecret {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, ring::error::Unspecified> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret)?;
        Ok(Self(secret))
    }

    /// The secret of those who judge clients by `rules`. A session that is resumed is not judged again, so
    /// it must not be readable under other rules than those it began with.
    pub(super) fn under(&self, rules: &[&[u8]]) -> Result<Self, ring::error::Unspecified> {
        let mut secret = [0; 32];
        let salt = Salt::new(HKDF_SHA256, b"hyperion rules for clients");
        salt.extract(&self.0).expand(rules, HKDF_SHA256)?.fill(&mut secret)?;
        Ok(Self(secret))
    }

    /// The key of an epoch (RFC 5869).
    fn key(&self, epoch: u64) -> Option<LessSafeKey> {
        let salt = Salt::new(HKDF_SHA256, b"hyperion session tickets");
        let epoch = epoch.to_be_bytes();
        let secret = salt.extract(&self.0);
        let info = [&epoch[..]];
        let key = secret.expand(&info, &CHACHA20_POLY1305).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(key)))
    }
}

impl std::fmt::Debug for TicketSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TicketSecret")
    }
}

/// A ticket is its epoch, a nonce, and what it says, encrypted.
#[derive(Debug)]
pub(super) struct Tickets {
    pub secret: TicketSecret,
    pub clock: Clock,
}

const EPOCH_LEN: usize = 8;

impl Tickets {
    fn epoch(&self) -> u64 {
        (self.clock)().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / EPOCH_S
    }

    fn encrypt_in(&self, epoch: u64, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut ticket = [&epoch.to_be_bytes()[..], &nonce, plain].concat();
        let key = self.secret.key(epoch)?;
        let body = &mut ticket[EPOCH_LEN + NONCE_LEN..];
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag =
            key.seal_in_place_separate_tag(nonce, Aad::from(epoch.to_be_bytes()), body).ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn decrypt_in(&self, now: u64, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_BYTES_MAX {
            return None;
        }
        let (epoch, rest) = ticket.split_first_chunk::<EPOCH_LEN>()?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>()?;
        let number = u64::from_be_bytes(*epoch);
        if number != now && number.checked_add(1) != Some(now) {
            return None;
        }
        let mut body = body.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain =
            self.secret.key(number)?.open_in_place(nonce, Aad::from(*epoch), &mut body).ok()?;
        Some(plain.to_vec())
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        2 * EPOCH_S as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.encrypt_in(self.epoch(), plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.decrypt_in(self.epoch(), cipher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(secret: TicketSecret) -> Tickets {
        Tickets { secret, clock: || UNIX_EPOCH }
    }

    #[test]
    fn whoever_has_the_secret_reads_tickets_of_this_epoch_and_the_last() {
        let secret = TicketSecret::generate().unwrap();
        let (one, other) = (tickets(secret.clone()), tickets(secret));
        let ticket = one.encrypt_in(7, b"state").unwrap();
        assert_eq!(other.decrypt_in(7, &ticket).as_deref(), Some(&b"state"[..]));
        assert_eq!(other.decrypt_in(8, &ticket).as_deref(), Some(&b"state"[..]));
        assert_eq!(other.decrypt_in(9, &ticket), None);
        assert_eq!(other.decrypt_in(6, &ticket), None);
        assert_ne!(one.encrypt_in(7, b"state").unwrap(), ticket);
    }

    #[test]
    fn forged_tickets_are_refused() {
        let made = tickets(TicketSecret::generate().unwrap());
        let ticket = made.encrypt_in(7, b"state").unwrap();
        for index in 0..ticket.len() {
            let mut forged = ticket.clone();
            forged[index] ^= 1;
            assert_eq!(made.decrypt_in(7, &forged), None, "byte {index}");
        }
        assert_eq!(made.decrypt_in(7, b""), None);
        assert_eq!(tickets(TicketSecret::generate().unwrap()).decrypt_in(7, &ticket), None);
    }
}
