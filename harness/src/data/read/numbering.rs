//! From the ids of a source to dense ones.

use std::collections::HashMap;

use crate::data::manifest::IdScheme;
use crate::data::source_ids::SourceIds;
use crate::data::text::{BadLine, Field, has_odd_ends, quoted};

/// By the source's id: its number.
pub(in crate::data) type Numbers = HashMap<Box<[u8]>, u32>;

/// Turns the ids of the source into dense ones.
pub(super) enum Numbering {
    Dense { first: u32, table: usize },
    Map(Numbers),
    Line(u32),
}

impl Numbering {
    pub(super) fn new(ids: IdScheme) -> Self {
        match ids {
            IdScheme::Dense { first, table } => Self::Dense { first, table },
            IdScheme::Map => Self::Map(Numbers::new()),
            IdScheme::Line => Self::Line(0),
        }
    }

    pub(super) fn id(&mut self, what: &str, field: &[u8]) -> Field<u32> {
        match self {
            Self::Dense { first, table } => {
                let id = number(field, what)?;
                match id.checked_sub(*first) {
                    Some(dense) if (dense as usize) < *table => Ok(dense),
                    _ => {
                        let last = *first as usize + (*table).saturating_sub(1);
                        Err(BadLine::new(format!("an id of the {what}s in {first}..={last}"), format!("{id}")))
                    }
                }
            }
            Self::Map(map) => numbered(map, what, field),
            Self::Line(_) => unreachable!("a checked manifest numbers users by line only where lines name none"),
        }
    }

    pub(super) fn next_line(&mut self) -> u32 {
        match self {
            Self::Line(next) => {
                *next += 1;
                *next - 1
            }
            _ => unreachable!("a checked manifest numbers users by line where lines name none"),
        }
    }

    /// The number of an id that was met before, of a mapped one; any other that can be an id has one at once.
    pub(super) fn known(&mut self, what: &str, field: &[u8]) -> Field<Option<u32>> {
        match self {
            Self::Map(map) => Ok(map.get(field).copied()),
            _ => self.id(what, field).map(Some),
        }
    }

    /// The source's id of a number, for messages.
    pub(super) fn name_of(&self, number: u32) -> String {
        match self {
            Self::Dense { first, .. } => (first + number).to_string(),
            Self::Map(map) => {
                map.iter().find(|(_, other)| **other == number).map_or_else(String::new, |(id, _)| quoted(id))
            }
            Self::Line(_) => number.to_string(),
        }
    }

    /// The source's ids, by number.
    pub(super) fn ids(&self) -> SourceIds {
        match self {
            Self::Dense { first, table } => (0..*table).map(|number| (*first as usize + number).to_string()).collect(),
            Self::Map(map) => {
                let mut ids: Vec<(u32, &[u8])> = map.iter().map(|(id, number)| (*number, &**id)).collect();
                ids.sort_unstable();
                ids.into_iter().map(|(_, id)| id).collect()
            }
            Self::Line(next) => (0..*next).map(|number| number.to_string()).collect(),
        }
    }

    /// Of mapped ids, the place of each in the order of the source's ids.
    pub(super) fn places(&self) -> Vec<u32> {
        match self {
            Self::Map(map) => places(map),
            _ => Vec::new(),
        }
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Self::Dense { table, .. } => *table,
            Self::Map(map) => map.len(),
            Self::Line(next) => *next as usize,
        }
    }
}

/// The number of an id that stands on its own, which is the next where it was not met before.
pub(in crate::data) fn numbered(numbers: &mut Numbers, what: &str, field: &[u8]) -> Field<u32> {
    if let Some(number) = numbers.get(field) {
        return Ok(*number);
    }
    if field.is_empty() {
        return Err(BadLine::new(format!("the {what}'s id"), "nothing"));
    }
    if field.contains(&b'\n') || field.contains(&b'\r') {
        return Err(BadLine::new(format!("the {what}'s id on one line"), quoted(field)));
    }
    if has_odd_ends(field) {
        let expected = format!("the {what}'s id without blanks or what cannot be seen at its ends");
        return Err(
            BadLine::new(expected, quoted(field)).hint("it would pass for another id than the one without them")
        );
    }
    let number = numbers.len() as u32;
    numbers.insert(field.into(), number);
    Ok(number)
}

/// Digits only, below 2³².
pub(super) fn number(field: &[u8], what: &str) -> Field<u32> {
    let digits = field.iter().try_fold(0u32, |number, byte| {
        let digit = byte.is_ascii_digit().then_some(u32::from(byte.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    match digits {
        Some(number) if !field.is_empty() => Ok(number),
        _ => Err(BadLine::new(format!("{what}: a whole number below 2^32"), quoted(field))),
    }
}

/// By number: its place in the order of the ids.
pub(super) fn places(numbers: &Numbers) -> Vec<u32> {
    let mut ids: Vec<(&[u8], u32)> = numbers.iter().map(|(id, number)| (&**id, *number)).collect();
    ids.sort_unstable_by(|(a, _), (b, _)| place(a).cmp(&place(b)));
    let mut places = vec![0; ids.len()];
    ids.iter().zip(0..).for_each(|((_, number), place)| places[*number as usize] = place);
    places
}

/// What orders mapped ids: numbers by value, of equal ones the one with fewer zeros before it, then others by their bytes.
fn place(id: &[u8]) -> (bool, usize, &[u8], usize) {
    if !id.iter().all(u8::is_ascii_digit) {
        return (true, 0, id, 0);
    }
    let zeros = id.iter().take_while(|byte| **byte == b'0').count();
    (false, id.len() - zeros, &id[zeros..], zeros)
}
