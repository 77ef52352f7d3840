//! From events to sessions, to sub-sequences, to what can be asked.

use std::collections::HashMap;

/// An event: session and item.
pub type Event = (u32, u32);

/// Sessions in the order of their first events; events keep theirs.
pub fn sessions(events: impl IntoIterator<Item = Event>) -> Vec<Vec<u32>> {
    let mut places = HashMap::new();
    let mut sessions: Vec<Vec<u32>> = Vec::new();
    for (session, item) in events {
        let place = *places.entry(session).or_insert_with(|| {
            sessions.push(Vec::new());
            sessions.len() - 1
        });
        sessions[place].push(item);
    }
    sessions
}

/// The session and its prefixes down to two items, longest first; of one or two items, the session alone (ADER's
/// code). A piece of one item counts in every size, and asks nothing.
pub fn sub_sequences(session: &[u32]) -> impl Iterator<Item = &[u32]> {
    let shortest = session.len().min(2);
    (shortest..=session.len()).rev().map(|n| &session[..n])
}

/// Leaves out events with items that are not among the first `known`, then sessions of which one event or none is
/// left (ADER's code).
pub fn answerable<'a>(sessions: impl Iterator<Item = &'a [u32]>, known: usize) -> Vec<Vec<u32>> {
    let kept = sessions.map(|session| session.iter().copied().filter(|&item| (item as usize) < known).collect());
    kept.filter(|session: &Vec<u32>| session.len() > 1).collect()
}
