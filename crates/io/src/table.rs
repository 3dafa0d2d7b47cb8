//! Connections by key, so that a key of the past finds nothing.

use std::io;

use crate::driver::Key;

/// An index that no connection has; drivers mark their own descriptors with it.
pub(crate) const RESERVED_INDEX: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: Vec<Option<(u32, T)>>,
}

impl<T> Table<T> {
    pub fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Whether a connection may be inserted here.
    pub fn check_vacant(&self, key: Key) -> io::Result<()> {
        if key.index == RESERVED_INDEX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this index is reserved"));
        }
        match self.entries.get(key.index as usize) {
            Some(Some(_)) => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a connection with this index is attached already",
            )),
            _ => Ok(()),
        }
    }

    /// Inserts where [`Table::check_vacant`] has found room.
    pub fn insert(&mut self, key: Key, value: T) {
        let index = key.index as usize;
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        self.entries[index] = Some((key.generation, value));
    }

    pub fn find(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index as usize) {
            Some(Some((generation, value))) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.find(key)?;
        self.entries[key.index as usize].take().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_present_generation_is_found() {
        let mut table = Table::new();
        let old = Key { index: 3, generation: 1 };
        let new = Key { index: 3, generation: 2 };
        table.insert(old, 'a');
        assert!(table.check_vacant(new).is_err());
        assert_eq!(table.find(new), None);
        assert_eq!(table.remove(old), Some('a'));
        table.check_vacant(new).unwrap();
        table.insert(new, 'b');
        assert_eq!(table.remove(old), None);
        assert_eq!(table.find(new), Some(&mut 'b'));
    }

    #[test]
    fn the_reserved_index_is_refused() {
        let table = Table::<()>::new();
        assert!(table.check_vacant(Key { index: RESERVED_INDEX, generation: 0 }).is_err());
    }
}
