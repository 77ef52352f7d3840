//! The interface of a server of requests, on any device.

use super::{Index, Ranked};
use crate::error::Result;

/// The best items of queries.
pub trait Server {
    /// The `k` best items of one query, best first, equal scores by lower item id; fewer if fewer are
    /// left. `excluded`: ascending item ids that must not appear.
    ///
    /// # Errors
    /// A score that is not finite; errors of the device.
    fn top_k(&self, query: u32, excluded: &[u32], k: usize) -> Result<Vec<Ranked>>;

    /// The lists of many queries, `[queries, k]`, on all threads.
    ///
    /// # Errors
    /// A query with fewer than `k` items left; those of [`top_k`](Self::top_k).
    fn top_lists<'e>(
        &self,
        queries: &[u32],
        k: usize,
        excluded: &(dyn Fn(u32) -> &'e [u32] + Sync),
    ) -> Result<Vec<u32>>;
}

impl Server for Index<'_> {
    fn top_k(&self, query: u32, excluded: &[u32], k: usize) -> Result<Vec<Ranked>> {
        Index::top_k(self, query, excluded, k)
    }

    fn top_lists<'e>(
        &self,
        queries: &[u32],
        k: usize,
        excluded: &(dyn Fn(u32) -> &'e [u32] + Sync),
    ) -> Result<Vec<u32>> {
        Index::top_lists(self, queries, k, excluded)
    }
}
