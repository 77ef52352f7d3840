//! Trials that are like another: `like = "rrd"` and only what differs.
//!
//! Such a trial inherits every key of the other except `id` and `label`. Its own keys replace inherited ones; its `params`
//! are merged into the other's, tables key by key, and `without` lists inherited `params` to remove. The other may itself
//! be like a third.

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::refuse::wrong_type;
use crate::document::Document;
use crate::error::Result;
use crate::suggest::{did_you_mean, one_of};

/// Trials of the largest spec; the checks of a spec compare each with each.
pub const MOST_TRIALS: usize = 500;

/// Keys that are not inherited.
const OWN: [&str; 4] = ["id", "label", LIKE, WITHOUT];
const LIKE: &str = "like";
const WITHOUT: &str = "without";

/// Expands the trials of a tree that are like others. A `trial` that is no list is left for serde to refuse.
///
/// # Errors
/// A trial that is like none of the spec, or in the end like itself; a `without` that the other does not have.
pub fn expand<'a>(document: &Document<'a>, root: &mut DeTable<'a>) -> Result<()> {
    let Some(DeValue::Array(trials)) = root.get_mut("trial").map(Spanned::get_mut) else { return Ok(()) };
    if trials.len() > MOST_TRIALS {
        return Ok(()); // It is refused for that.
    }
    let written = trials.clone();
    for trial in trials.iter_mut() {
        if let DeValue::Table(table) = trial.get_mut() {
            *table = whole(document, &written, table, &mut Vec::new())?;
        }
    }
    Ok(())
}

/// The id that the trial `id` names in `like`, if any.
pub fn likened<'t>(document: &'t Document<'_>, id: &str) -> Option<&'t str> {
    let trials = document.root.get("trial")?.get_ref().as_array()?;
    let text = |trial: &'t Spanned<DeValue<'_>>, key: &str| trial.get_ref().get(key)?.get_ref().as_str();
    text(trials.iter().find(|trial| text(trial, "id") == Some(id))?, LIKE)
}

/// `trial` with what it has of the one that it is like. `path` holds the trials that led here.
fn whole<'a>(
    document: &Document<'a>,
    trials: &DeArray<'a>,
    trial: &DeTable<'a>,
    path: &mut Vec<String>,
) -> Result<DeTable<'a>> {
    let Some(like) = trial.get(LIKE) else {
        return match trial.get_key_value(WITHOUT) {
            Some((key, _)) => Err(document.refuse(key.span(), "`without` is for a trial that is `like` another")),
            None => Ok(trial.clone()),
        };
    };
    path.extend(trial.get("id").and_then(|id| id.get_ref().as_str()).map(str::to_string));
    let other = named(document, trials, like)?;
    let name = like.get_ref().as_str().unwrap_or_default();
    if path.iter().any(|before| before == name) {
        path.push(name.to_string());
        return Err(document
            .refuse(like.span(), "a trial is like itself in the end")
            .expected("a trial that is written out, at the end of every chain")
            .got(path.join(" → ")));
    }
    let mut whole = whole(document, trials, other, path)?;
    for own in OWN {
        whole.remove(own);
    }
    for key in without(document, trial)? {
        drop_key(document, &mut whole, key, name)?;
    }
    for (key, value) in trial.iter().filter(|(key, _)| ![LIKE, WITHOUT].contains(&&**key.get_ref())) {
        lay(&mut whole, key, value, &**key.get_ref() == "params");
    }
    Ok(whole)
}

/// The trial that `like` names.
fn named<'t, 'a>(
    document: &Document<'a>,
    trials: &'t DeArray<'a>,
    like: &Spanned<DeValue<'a>>,
) -> Result<&'t DeTable<'a>> {
    let ids = || trials.iter().filter_map(|trial| trial.get_ref().get("id").and_then(|id| id.get_ref().as_str()));
    let Some(name) = like.get_ref().as_str() else { return Err(wrong_type(document, like, "the id of a trial")) };
    let found =
        trials.iter().find(|trial| trial.get_ref().get("id").is_some_and(|id| id.get_ref().as_str() == Some(name)));
    found.and_then(|trial| trial.get_ref().as_table()).ok_or_else(|| {
        let error = document.refuse(like.span(), format!("there is no trial `{name}` to be like"));
        did_you_mean(error.expected(one_of(ids())).got(format!("`{name}`")), name, ids())
    })
}

/// The keys of `without`, each dotted from `params`.
fn without<'t, 'a>(document: &Document<'a>, trial: &'t DeTable<'a>) -> Result<Vec<Spanned<&'t str>>> {
    let Some(keys) = trial.get(WITHOUT) else { return Ok(Vec::new()) };
    let expected = "a list of keys of `params`";
    let list = keys.get_ref().as_array().ok_or_else(|| wrong_type(document, keys, expected))?;
    let text = |key: &'t Spanned<DeValue<'a>>| {
        let text = key.get_ref().as_str().ok_or_else(|| wrong_type(document, key, expected))?;
        Ok(Spanned::new(key.span(), text))
    };
    list.iter().map(text).collect()
}

fn drop_key(document: &Document<'_>, trial: &mut DeTable<'_>, key: Spanned<&str>, other: &str) -> Result<()> {
    let mut table = trial.get_mut("params").map(Spanned::get_mut);
    let (above, last) = key.get_ref().rsplit_once('.').unwrap_or(("", key.get_ref()));
    for part in above.split('.').filter(|part| !part.is_empty()) {
        table = match table {
            Some(DeValue::Table(of)) => of.get_mut(part).map(Spanned::get_mut),
            _ => None,
        };
    }
    let gone = match table {
        Some(DeValue::Table(of)) => of.remove(last).is_some(),
        _ => false,
    };
    if gone {
        return Ok(());
    }
    Err(document
        .refuse(key.span(), format!("`{}` is no key of the `params` of `{other}`", key.get_ref()))
        .expected("a dotted key, such as `student.bpr`"))
}

/// Puts a value into a table. Tables are laid over each other key by key if `merge` says so.
fn lay<'a>(table: &mut DeTable<'a>, key: &Spanned<DeString<'a>>, value: &Spanned<DeValue<'a>>, merge: bool) {
    if merge
        && let Some(DeValue::Table(below)) = table.get_mut(&**key.get_ref()).map(Spanned::get_mut)
        && let DeValue::Table(above) = value.get_ref()
    {
        above.iter().for_each(|(key, value)| lay(below, key, value, true));
        return;
    }
    table.remove(&**key.get_ref()); // Its place in the text goes with it.
    table.insert(key.clone(), value.clone());
}
