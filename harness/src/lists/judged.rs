//! What lists are to answer, and what they came to.

use super::form::ListForm;
use crate::data::SourceIds;
use crate::digest::Digest;
use crate::rank::{Evaluation, Ranker};

/// Queries that lists are to answer, with the ids of their askers.
pub struct ListTest<'a> {
    pub ranker: &'a Ranker,
    /// By asker, those who ask nothing included; no two of all tests have the same.
    pub askers: SourceIds,
}

/// What a file of lists came to.
#[derive(Clone, Debug)]
pub struct JudgedLists {
    /// One for each test, in their order. A held-out item that its list lacks has a rank beyond every cutoff.
    pub evaluations: Vec<Evaluation>,
    pub form: ListForm,
    /// Whether the lists have scores. Without, ties are not known: the order that was given is taken, for the pessimistic
    /// values too.
    pub scored: bool,
    /// Of the bytes of the file, before they were decompressed.
    pub digest: Digest,
    /// Number of these bytes.
    pub bytes: u64,
    /// Number of lists that answer a query.
    pub lists: usize,
    /// Number of other lists, of askers who ask nothing; they were read and do not count.
    pub unasked: usize,
    /// Trial and seed that the file says that it is of, if it says so.
    pub named: Option<(String, u64)>,
    /// Whether the last row ends without a line feed, so that the file may have been cut within it.
    pub unended: bool,
}
