//! From events to sessions, to sub-sequences, to what a model reads and answers.

use std::collections::HashMap;

/// An event: session and item.
pub type Event = (u32, u32);

/// Sessions in the order of their first events; events keep theirs.
pub fn sessions(events: &[Event]) -> Vec<Vec<u32>> {
    let mut places = HashMap::new();
    let mut sessions: Vec<Vec<u32>> = Vec::new();
    for &(session, item) in events {
        let place = *places.entry(session).or_insert_with(|| {
            sessions.push(Vec::new());
            sessions.len() - 1
        });
        sessions[place].push(item);
    }
    sessions
}

/// The session and its prefixes down to two items, longest first; of one or two items, the session alone [code].
/// A piece of one item counts in every size, and is left out where a batch is built: see [`sample`].
pub fn sub_sequences(session: &[u32]) -> impl Iterator<Item = &[u32]> {
    let shortest = session.len().min(2);
    (shortest..=session.len()).rev().map(|n| &session[..n])
}

/// What a model reads, oldest item first, and the item that it is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    pub input: &'a [u32],
    pub label: u32,
}

/// The last item of a sub-sequence after the `length` items before it; none of a piece of one item.
pub fn sample(sub_sequence: &[u32], length: usize) -> Option<Sample<'_>> {
    let (&label, input) = sub_sequence.split_last()?;
    let input = &input[input.len().saturating_sub(length)..];
    (!input.is_empty()).then_some(Sample { input, label })
}

/// Sessions of a test period as far as they can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answerable {
    pub sessions: Vec<Vec<u32>>,
    /// Events left out.
    pub removed: usize,
}

/// Leaves out events with items that are not among the first `known`, then sessions of one event that is left [code].
pub fn answerable(events: &[Event], known: usize) -> Answerable {
    let kept: Vec<Event> = events.iter().copied().filter(|(_, item)| (*item as usize) < known).collect();
    let mut sessions = sessions(&kept);
    sessions.retain(|session| session.len() > 1);
    let left: usize = sessions.iter().map(Vec::len).sum();
    Answerable { sessions, removed: events.len() - left }
}
