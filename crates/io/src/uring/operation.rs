//! What a completion belongs to, in the one word that the kernel carries along.

/// An operation that the kernel works on.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    /// Accepting on the listener of this number.
    Accept(u32),
    /// Cancelling that.
    CancelAccept(u32),
    /// Receiving for the connection in this slot.
    Receive(u32),
    /// Sending bytes for it.
    Send(u32),
    /// Waiting until its socket takes bytes.
    Poll(u32),
    /// Waiting for it to fail.
    Watch(u32),
    /// Cancelling some of these.
    Cancel(u32),
    /// Waiting for a wake.
    Wake,
    /// Cancelling everything, when the ring is torn down.
    CancelAll,
}

impl Operation {
    pub fn to_word(self) -> u64 {
        let (kind, id) = match self {
            Self::Accept(id) => (1, id),
            Self::CancelAccept(id) => (2, id),
            Self::Receive(id) => (3, id),
            Self::Send(id) => (4, id),
            Self::Poll(id) => (5, id),
            Self::Cancel(id) => (6, id),
            Self::Wake => (7, 0),
            Self::CancelAll => (8, 0),
            Self::Watch(id) => (9, id),
        };
        kind << 32 | u64::from(id)
    }

    /// None if the word was not made by [`Operation::to_word`].
    pub fn from_word(word: u64) -> Option<Self> {
        let id = word as u32;
        Some(match word >> 32 {
            1 => Self::Accept(id),
            2 => Self::CancelAccept(id),
            3 => Self::Receive(id),
            4 => Self::Send(id),
            5 => Self::Poll(id),
            6 => Self::Cancel(id),
            7 => Self::Wake,
            8 => Self::CancelAll,
            9 => Self::Watch(id),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_survives_the_kernel() {
        let id = u32::MAX;
        for operation in [
            Operation::Accept(id),
            Operation::CancelAccept(id),
            Operation::Receive(id),
            Operation::Send(id),
            Operation::Poll(id),
            Operation::Watch(id),
            Operation::Cancel(id),
            Operation::Wake,
            Operation::CancelAll,
        ] {
            assert_eq!(Operation::from_word(operation.to_word()), Some(operation));
        }
        assert_eq!(Operation::from_word(0), None);
    }
}
