//! Which kind of request comes next.

use std::num::NonZeroU32;

/// Smooth weighted round-robin: in each turn every kind earns its weight, and the richest one pays
/// for all. So the kinds keep their weights, are spread evenly, and come in the same order in each run.
#[derive(Debug)]
pub struct Turns {
    weights: Vec<i64>,
    credits: Vec<i64>,
}

impl Turns {
    /// One kind for each weight.
    ///
    /// # Panics
    /// Without any.
    pub fn new(weights: &[NonZeroU32]) -> Self {
        assert!(!weights.is_empty(), "there is nothing to choose from");
        let weights: Vec<_> = weights.iter().map(|weight| i64::from(weight.get())).collect();
        Self { credits: vec![0; weights.len()], weights }
    }

    /// Returns the index of the kind whose turn it is.
    pub fn take(&mut self) -> usize {
        let (mut richest, mut total) = (0, 0);
        for (index, weight) in self.weights.iter().enumerate() {
            self.credits[index] += weight;
            total += weight;
            if self.credits[index] > self.credits[richest] {
                richest = index;
            }
        }
        self.credits[richest] -= total;
        richest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(weights: &[u32], count: usize) -> Vec<usize> {
        let weights: Vec<_> =
            weights.iter().filter_map(|weight| NonZeroU32::new(*weight)).collect();
        let mut turns = Turns::new(&weights);
        (0..count).map(|_| turns.take()).collect()
    }

    #[test]
    fn a_single_kind_has_every_turn() {
        assert_eq!(taken(&[7], 3), [0, 0, 0]);
    }

    #[test]
    fn equal_kinds_alternate() {
        assert_eq!(taken(&[2, 2, 2], 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_heavy_kind_does_not_come_in_a_bunch() {
        assert_eq!(taken(&[5, 1, 1], 14), [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn a_rare_kind_comes_at_equal_distances() {
        let rare: Vec<_> = taken(&[99, 1], 1000)
            .iter()
            .enumerate()
            .filter(|(_, kind)| **kind == 1)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(rare.len(), 10);
        assert!(rare.windows(2).all(|pair| pair[1] - pair[0] == 100), "{rare:?}");
    }

    #[test]
    #[should_panic(expected = "nothing to choose from")]
    fn without_a_kind_there_is_no_turn() {
        Turns::new(&[]);
    }
}
