//! "Did you mean": the valid name that is most similar to a wrong one.

use crate::error::Error;

/// Jaro similarity, 0 to 1, above which a name is suggested. It is clap's own threshold, so that files get the suggestions
/// that the command line gets.
const ALIKE: f64 = 0.7;

/// Longer words (bytes) get no suggestion: the time of a comparison is the product of both lengths.
const LONGEST: usize = 200;

/// Adds a hint with the name that is most similar to `word`, if one is similar enough. Case is ignored.
pub fn did_you_mean<'a>(error: Error, word: &str, names: impl IntoIterator<Item = &'a str>) -> Error {
    if word.len() > LONGEST {
        return error;
    }
    let word = word.to_lowercase();
    let nearest = names
        .into_iter()
        .map(|name| (strsim::jaro(&word, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, name)) => error.hint(format!("did you mean `{name}`?")),
        None => error,
    }
}

/// `` `a`, `b`, `c` ``
pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// `` one of `a`, `b`, `c` ``; a single name stands alone, and no name is "nothing".
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    match names.len() {
        0 => "nothing".to_string(),
        1 => quoted(names),
        _ => format!("one of {}", quoted(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn offers_the_nearest_name_or_none() {
        let hint = |word: &str| did_you_mean(Error::new(Kind::Input, "x"), word, ["batch", "Epochs"]).to_string();
        assert_eq!(hint("epoch"), "x\n\nhint: did you mean `Epochs`?");
        assert_eq!(hint("BATHC"), "x\n\nhint: did you mean `batch`?");
        assert_eq!(hint("zzz"), "x");
    }
}
