//! Profiles: named sets of overrides that live in the spec's own file.
//!
//! A profile overrides what the base declares and adds nothing. Values are replaced whole (`split`
//! and `protocol` too: half of a protocol means nothing), but `trial` goes by id, and a trial's
//! `params` key by key.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::checked::base_profile;
use super::like;
use super::refuse::{plain_name, wrong_type};
use crate::document::{Document, WHOLE, tree};
use crate::error::{Error, Result};
use crate::suggest::{did_you_mean, one_of};

/// Keys that name the spec, and so are the same in all of its profiles.
pub(super) const FIXED: [&str; 3] = ["id", "paper", "profile"];
/// Keys of a trial that a profile may override; another method or teacher would be another trial.
const OF_A_TRIAL: [&str; 2] = ["label", "params"];

/// A spec's tree with a profile applied.
pub struct Resolved<'a> {
    pub profile: String,
    pub root: DeTable<'a>,
    /// Byte offsets in the text at which the profile's values begin.
    pub overridden: BTreeSet<usize>,
}

/// Names of all profiles, the base first.
pub fn names<'t>(root: &'t DeTable<'_>) -> Vec<&'t str> {
    let base = base_profile(root.contains_key("paper"));
    std::iter::once(base)
        .chain(table(root, "profile").into_iter().flat_map(|t| t.keys().map(|k| &**k.get_ref())))
        .collect()
}

/// The document as written, with the trials that are like others written out.
///
/// # Errors
/// Those of [`like::expand`].
pub fn base<'a>(document: &Document<'a>) -> Result<Resolved<'a>> {
    let profile = base_profile(document.root.contains_key("paper")).to_string();
    let mut root = document.root.clone();
    like::expand(document, &mut root)?;
    Ok(Resolved { profile, root, overridden: BTreeSet::new() })
}

/// Lays the profile `asked` for over the base. The keys of every profile of the file are checked,
/// whichever is asked for.
///
/// # Errors
/// An unknown profile; a profile that sets what the base does not declare, or what no profile may set.
pub fn resolve<'a>(document: &Document<'a>, asked: &str) -> Result<Resolved<'a>> {
    let base = base(document)?;
    let mut chosen = None;
    for (profile, overrides) in table(&document.root, "profile").into_iter().flat_map(|profiles| profiles.iter()) {
        let laid = lay(document, &base, profile, overrides)?;
        if laid.profile == asked {
            chosen = Some(laid);
        }
    }
    let chosen = chosen.or(Some(base).filter(|base| base.profile == asked));
    chosen.ok_or_else(|| {
        let names = names(&document.root);
        let error = document
            .refuse(WHOLE, format!("the spec has no profile `{asked}`"))
            .expected(one_of(names.iter().copied()))
            .got(format!("`{asked}`"));
        did_you_mean(error, asked, names)
    })
}

/// What a profile says of a trial holds for those that are like it, too, unless it or the spec says otherwise of them.
fn lay<'a>(
    document: &Document<'a>,
    whole: &Resolved<'a>,
    name: &Spanned<DeString<'a>>,
    overrides: &Spanned<DeValue<'a>>,
) -> Result<Resolved<'a>> {
    let base = base_profile(document.root.contains_key("paper"));
    if name.get_ref() == base {
        return Err(document
            .refuse(name.span(), format!("`{base}` is the spec as written, it overrides nothing"))
            .hint("put the values into the spec itself, or name the profile otherwise"));
    }
    plain_name(document, name, "the profile's name")?;
    let overrides = as_table(document, overrides)?;
    let mut root = document.root.clone();
    for (key, value) in overrides.iter() {
        match &**key.get_ref() {
            fixed if FIXED.contains(&fixed) => {
                let what = format!("a profile cannot override `{fixed}`");
                return Err(document.refuse(key.span(), what).hint("it names the spec; write another spec instead"));
            }
            "trial" => trials(document, &mut root, &whole.root, as_table(document, value)?)?,
            _ => replace(document, &mut root, key, value, &FIXED)?,
        }
    }
    like::expand(document, &mut root)?;
    let mut overridden = BTreeSet::new();
    tree::walk(overrides, &mut |node| _ = overridden.insert(node.value.span().start));
    Ok(Resolved { profile: name.get_ref().to_string(), root, overridden })
}

/// `whole` has the trials written out: they say what can be overridden.
fn trials<'a>(
    document: &Document<'a>,
    root: &mut DeTable<'a>,
    whole: &DeTable<'a>,
    overrides: &DeTable<'a>,
) -> Result<()> {
    let written = root.get_mut("trial").map(Spanned::get_mut);
    let whole = whole.get("trial").and_then(|trials| trials.get_ref().as_array());
    let (Some(DeValue::Array(trials)), Some(whole)) = (written, whole) else { return Ok(()) };
    let ids = || whole.iter().filter_map(|trial| trial_id(trial.get_ref()));
    for (id, changes) in overrides.iter() {
        let index = whole.iter().position(|trial| trial_id(trial.get_ref()) == Some(id.get_ref()));
        let both = index.and_then(|index| Some((trials.get_mut(index)?.get_mut(), whole[index].get_ref())));
        let Some((DeValue::Table(trial), DeValue::Table(whole))) = both else {
            let what = format!("the profile overrides the trial `{id}`, which the spec does not declare");
            return Err(did_you_mean(document.refuse(id.span(), what).expected(one_of(ids())), id.get_ref(), ids()));
        };
        for (key, value) in as_table(document, changes)?.iter() {
            match &**key.get_ref() {
                "params" => params(document, trial, whole, key, value)?,
                "label" => replace(document, trial, key, value, &[])?,
                other => {
                    let what = format!("a profile cannot override a trial's `{other}`");
                    let error = document.refuse(key.span(), what).expected(one_of(OF_A_TRIAL));
                    return Err(did_you_mean(error, other, OF_A_TRIAL));
                }
            }
        }
    }
    Ok(())
}

/// Tables merge key by key; anything else is replaced. What `whole` has and `base` does not is put into it.
fn params<'a>(
    document: &Document<'a>,
    base: &mut DeTable<'a>,
    whole: &DeTable<'a>,
    key: &Spanned<DeString<'a>>,
    value: &Spanned<DeValue<'a>>,
) -> Result<()> {
    let name = &**key.get_ref();
    match whole.get(name).map(Spanned::get_ref) {
        None => Err(undeclared(document, whole, key, &[])),
        Some(DeValue::Table(whole)) => {
            let changes = as_table(document, value)?;
            if !base.contains_key(name) {
                base.insert(key.clone(), Spanned::new(value.span(), DeValue::Table(DeTable::new())));
            }
            let Some(DeValue::Table(base)) = base.get_mut(name).map(Spanned::get_mut) else {
                unreachable!("what is a table in the whole of a trial is one in the trial, if it is there");
            };
            changes.iter().try_for_each(|(key, value)| params(document, base, whole, key, value))
        }
        Some(_) if value.get_ref().is_table() => Err(document
            .refuse(value.span(), "the value has the wrong type")
            .expected("a single value, as in the base")
            .got("a table")),
        Some(_) => {
            match base.get_mut(name) {
                Some(slot) => *slot = value.clone(),
                None => _ = base.insert(key.clone(), value.clone()),
            }
            Ok(())
        }
    }
}

/// Replaces a value of the base; `except` names the keys that are not offered as a suggestion.
fn replace<'a>(
    document: &Document<'a>,
    base: &mut DeTable<'a>,
    key: &Spanned<DeString<'a>>,
    value: &Spanned<DeValue<'a>>,
    except: &[&str],
) -> Result<()> {
    if let Some(slot) = base.get_mut(&**key.get_ref()) {
        *slot = value.clone();
        return Ok(());
    }
    Err(undeclared(document, base, key, except))
}

fn undeclared(document: &Document<'_>, base: &DeTable<'_>, key: &Spanned<DeString<'_>>, except: &[&str]) -> Error {
    let declared = || base.keys().map(|key| &**key.get_ref()).filter(|key| !except.contains(key));
    let error = document
        .refuse(key.span(), format!("the profile overrides `{key}`, which the spec does not declare"))
        .expected(one_of(declared()))
        .got(format!("`{key}`"));
    did_you_mean(error, key.get_ref(), declared())
}

fn as_table<'t, 'a>(document: &Document<'_>, value: &'t Spanned<DeValue<'a>>) -> Result<&'t DeTable<'a>> {
    value.get_ref().as_table().ok_or_else(|| wrong_type(document, value, "a table"))
}

fn table<'t, 'a>(root: &'t DeTable<'a>, key: &str) -> Option<&'t DeTable<'a>> {
    root.get(key).and_then(|value| value.get_ref().as_table())
}

fn trial_id<'t>(trial: &'t DeValue<'_>) -> Option<&'t str> {
    trial.get("id").and_then(|id| id.get_ref().as_str())
}
