//! Samplers on a random stream: shuffles, normal values, subsets, and items outside a set.

use super::Stream;

impl Stream {
    /// Fisher and Yates: every order equally likely.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last as u32 + 1) as usize);
        }
    }

    /// `0..n` in a random order.
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        self.shuffle(&mut order);
        order
    }

    /// `n` values of Normal(0, `std`).
    pub fn normals(&mut self, n: usize, std: f64) -> Vec<f32> {
        let mut values = Vec::with_capacity(n + 1);
        while values.len() < n {
            let (a, b) = self.normal_pair();
            values.push((a * std) as f32);
            values.push((b * std) as f32);
        }
        values.truncate(n);
        values
    }

    /// `count` distinct values of `0..n`, in the order drawn, each subset equally likely
    /// (Floyd's algorithm, as in Bentley, "Programming Pearls: a sample of brilliance", 1987,
    /// followed by a shuffle).
    ///
    /// # Panics
    /// If `count > n`.
    pub fn without_replacement(&mut self, n: u32, count: usize) -> Vec<u32> {
        assert!(count <= n as usize, "{count} distinct values of 0..{n}");
        let mut chosen: Vec<u32> = Vec::with_capacity(count);
        let mut sorted: Vec<u32> = Vec::with_capacity(count);
        for last in n - count as u32..n {
            let draw = self.below(last + 1);
            let (value, at) = match sorted.binary_search(&draw) {
                Err(at) => (draw, at),
                Ok(_) => (last, sorted.len()),
            };
            sorted.insert(at, value);
            chosen.push(value);
        }
        self.shuffle(&mut chosen);
        chosen
    }
}

/// Draws items of `0..n_items` outside a user's set, uniformly, by rejection.
pub struct Rejection {
    n_items: u32,
}

impl Rejection {
    pub fn new(n_items: usize) -> Self {
        Self { n_items: n_items as u32 }
    }

    /// One item outside `taken` (ascending).
    ///
    /// # Panics
    /// If `taken` holds every item: there is nothing to draw.
    pub fn one(&self, stream: &mut Stream, taken: &[u32]) -> u32 {
        assert!(taken.len() < self.n_items as usize, "a user has every item: no negative exists");
        loop {
            let item = stream.below(self.n_items);
            if taken.binary_search(&item).is_err() {
                return item;
            }
        }
    }

    /// `count` distinct items outside `taken` (ascending), in the order drawn.
    /// `None` if fewer than `count` are left.
    pub fn distinct(&self, stream: &mut Stream, taken: &[u32], count: usize) -> Option<Vec<u32>> {
        let left = (self.n_items as usize).checked_sub(taken.len())?;
        if count > left {
            return None;
        }
        // Past half of what is left, rejection slows down: choose positions among the rest instead.
        if 2 * count > left {
            let rest: Vec<u32> = (0..self.n_items).filter(|item| taken.binary_search(item).is_err()).collect();
            let positions = stream.without_replacement(rest.len() as u32, count);
            return Some(positions.into_iter().map(|p| rest[p as usize]).collect());
        }
        let mut chosen = Vec::with_capacity(count);
        let mut sorted: Vec<u32> = Vec::with_capacity(count);
        while chosen.len() < count {
            let item = self.one(stream, taken);
            if let Err(at) = sorted.binary_search(&item) {
                sorted.insert(at, item);
                chosen.push(item);
            }
        }
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(purpose: &str) -> Stream {
        Stream::new(3, "sampler", purpose, 0)
    }

    #[test]
    fn shuffle_is_pinned_and_uniform() {
        assert_eq!(stream("shuffle").permutation(8), PINNED_PERMUTATION);
        let mut counts = std::collections::BTreeMap::new();
        let mut s = stream("uniform");
        for _ in 0..24_000 {
            *counts.entry(s.permutation(4)).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        // Chi-square, 23 degrees of freedom, 99.9 % point 49.7.
        let chi2: f64 = counts.values().map(|&c| (f64::from(c) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi2 < 49.7, "{chi2}");
    }

    #[test]
    fn subsets_are_pinned_distinct_and_uniform() {
        assert_eq!(stream("subset").without_replacement(100, 6), PINNED_SUBSET);
        assert_eq!(stream("subset").without_replacement(5, 5).len(), 5);
        assert!(stream("subset").without_replacement(5, 0).is_empty());
        let mut counts = std::collections::BTreeMap::new();
        let mut s = stream("pairs");
        for _ in 0..20_000 {
            *counts.entry(s.without_replacement(5, 2)).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 20, "all ordered pairs");
        // Chi-square, 19 degrees of freedom, 99.9 % point 43.8.
        let chi2: f64 = counts.values().map(|&c| (f64::from(c) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi2 < 43.8, "{chi2}");
    }

    #[test]
    fn rejection_never_returns_what_is_taken() {
        let taken = [0, 2, 3, 9];
        let sampler = Rejection::new(10);
        let mut s = stream("rejection");
        let first: Vec<u32> = (0..6).map(|_| sampler.one(&mut s, &taken)).collect();
        assert_eq!(first, PINNED_REJECTION);
        let mut counts = [0u32; 10];
        for _ in 0..6000 {
            counts[sampler.one(&mut s, &taken) as usize] += 1;
        }
        assert!(taken.iter().all(|&t| counts[t as usize] == 0));
        // Chi-square, 5 degrees of freedom, 99.9 % point 20.5.
        let chi2: f64 = counts.iter().filter(|&&c| c > 0).map(|&c| (f64::from(c) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi2 < 20.5, "{counts:?}");
    }

    #[test]
    fn distinct_items_by_either_way() {
        let taken = [1, 4];
        let sampler = Rejection::new(12);
        for count in [0, 3, 6, 10] {
            let items = sampler.distinct(&mut stream("distinct"), &taken, count).unwrap();
            let mut sorted = items.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), count);
            assert!(items.iter().all(|i| !taken.contains(i) && *i < 12));
        }
        assert!(sampler.distinct(&mut stream("distinct"), &taken, 11).is_none());
    }

    #[test]
    fn normals_are_pinned() {
        let bits: Vec<u32> = stream("normals").normals(3, 0.01).iter().map(|v| v.to_bits()).collect();
        assert_eq!(bits, PINNED_NORMALS);
    }

    const PINNED_REJECTION: [u32; 6] = [6, 7, 4, 5, 5, 4];
    const PINNED_PERMUTATION: [u32; 8] = [4, 5, 0, 3, 2, 1, 6, 7];
    const PINNED_SUBSET: [u32; 6] = [81, 43, 44, 50, 96, 2];
    const PINNED_NORMALS: [u32; 3] = [999291736, 1009085282, 1009293295];
}
