//! Profiles: named sets of overrides that live in the spec's own file.
//!
//! A profile overrides what the base declares and adds nothing. Values are replaced whole (`split`
//! and `protocol` too: half of a protocol means nothing), but `trial` goes by id, and a trial's
//! `params` key by key.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::document::{Document, WHOLE, tree};
use crate::error::Result;
use crate::suggest::{did_you_mean, one_of};

/// What names the spec, and so is the same in all of its profiles.
const FIXED: [&str; 3] = ["id", "paper", "profile"];
/// What a profile may override of a trial; another method or teacher would be another trial.
const OF_A_TRIAL: [&str; 2] = ["label", "params"];

/// A spec's tree with a profile laid over.
pub struct Resolved<'a> {
    pub profile: String,
    pub root: DeTable<'a>,
    /// Where in the text the values begin that come from the profile.
    pub overridden: BTreeSet<usize>,
}

/// The name of the base document as a profile: `paper` where the spec re-runs one, else `base`.
pub fn base_profile(has_paper: bool) -> &'static str {
    if has_paper { "paper" } else { "base" }
}

/// Names of all profiles, the base first.
pub fn names<'t>(root: &'t DeTable<'_>) -> Vec<&'t str> {
    let base = base_profile(root.contains_key("paper"));
    std::iter::once(base)
        .chain(table(root, "profile").into_iter().flat_map(|t| t.keys().map(|k| &**k.get_ref())))
        .collect()
}

/// The document as written.
pub fn base<'a>(document: &Document<'a>) -> Resolved<'a> {
    let profile = base_profile(document.root.contains_key("paper")).to_string();
    Resolved { profile, root: document.root.clone(), overridden: BTreeSet::new() }
}

/// Lays the profile `asked` for over the base. The keys of every profile of the file are checked,
/// whichever is asked for.
///
/// # Errors
/// An unknown profile; a profile that sets what the base does not declare, or what no profile may set.
pub fn resolve<'a>(document: &Document<'a>, asked: &str) -> Result<Resolved<'a>> {
    let mut chosen = Some(base(document)).filter(|base| base.profile == asked);
    for (profile, overrides) in table(&document.root, "profile").into_iter().flat_map(|profiles| profiles.iter()) {
        let laid = lay(document, profile, overrides)?;
        if laid.profile == asked {
            chosen = Some(laid);
        }
    }
    chosen.ok_or_else(|| {
        let names = names(&document.root);
        let error = document
            .refuse(WHOLE, format!("the spec has no profile `{asked}`"))
            .expected(one_of(names.iter().copied()))
            .got(format!("`{asked}`"));
        did_you_mean(error, asked, names)
    })
}

fn lay<'a>(
    document: &Document<'a>,
    name: &Spanned<DeString<'a>>,
    overrides: &Spanned<DeValue<'a>>,
) -> Result<Resolved<'a>> {
    let base = base_profile(document.root.contains_key("paper"));
    if name.get_ref() == base {
        return Err(document
            .refuse(name.span(), format!("`{base}` is the spec as written, it overrides nothing"))
            .hint("put the values into the spec itself, or name the profile otherwise"));
    }
    super::check::plain_name(document, name, "the profile's name")?;
    let overrides = as_table(document, overrides)?;
    let mut root = document.root.clone();
    for (key, value) in overrides.iter() {
        match &**key.get_ref() {
            fixed if FIXED.contains(&fixed) => {
                let what = format!("a profile cannot override `{fixed}`");
                return Err(document.refuse(key.span(), what).hint("it names the spec; write another spec instead"));
            }
            "trial" => trials(document, &mut root, as_table(document, value)?)?,
            _ => replace(document, &mut root, key, value, &FIXED)?,
        }
    }
    let mut overridden = BTreeSet::new();
    tree::walk(overrides, &mut |node| _ = overridden.insert(node.value.span().start));
    Ok(Resolved { profile: name.get_ref().to_string(), root, overridden })
}

fn trials<'a>(document: &Document<'a>, root: &mut DeTable<'a>, overrides: &DeTable<'a>) -> Result<()> {
    let Some(DeValue::Array(trials)) = root.get_mut("trial").map(Spanned::get_mut) else { return Ok(()) };
    for (id, changes) in overrides.iter() {
        let ids: Vec<_> = trials.iter().filter_map(|trial| trial_id(trial.get_ref())).map(str::to_string).collect();
        let trial = trials.iter_mut().find(|trial| trial_id(trial.get_ref()) == Some(id.get_ref()));
        let Some(DeValue::Table(trial)) = trial.map(Spanned::get_mut) else {
            let what = format!("the profile overrides the trial `{id}`, which the spec does not declare");
            let ids = || ids.iter().map(String::as_str);
            return Err(did_you_mean(document.refuse(id.span(), what).expected(one_of(ids())), id.get_ref(), ids()));
        };
        for (key, value) in as_table(document, changes)?.iter() {
            match &**key.get_ref() {
                "params" => params(document, trial, key, value)?,
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

/// Tables merge key by key; anything else is replaced.
fn params<'a>(
    document: &Document<'a>,
    base: &mut DeTable<'a>,
    key: &Spanned<DeString<'a>>,
    value: &Spanned<DeValue<'a>>,
) -> Result<()> {
    match base.get_mut(&**key.get_ref()).map(Spanned::get_mut) {
        Some(DeValue::Table(base)) => {
            as_table(document, value)?.iter().try_for_each(|(key, value)| params(document, base, key, value))
        }
        Some(_) if value.get_ref().is_table() => Err(document
            .refuse(value.span(), "the value has the wrong type")
            .expected("a single value, as in the base")
            .got("a table")),
        _ => replace(document, base, key, value, &[]),
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
    let declared = || base.keys().map(|key| &**key.get_ref()).filter(|key| !except.contains(key));
    let error = document
        .refuse(key.span(), format!("the profile overrides `{key}`, which the spec does not declare"))
        .expected(one_of(declared()))
        .got(format!("`{key}`"));
    Err(did_you_mean(error, key.get_ref(), declared()))
}

fn as_table<'t, 'a>(document: &Document<'_>, value: &'t Spanned<DeValue<'a>>) -> Result<&'t DeTable<'a>> {
    value.get_ref().as_table().ok_or_else(|| {
        document
            .refuse(value.span(), "the value has the wrong type")
            .expected("a table")
            .got(format!("`{}`", tree::value_text(value.get_ref())))
    })
}

fn table<'t, 'a>(root: &'t DeTable<'a>, key: &str) -> Option<&'t DeTable<'a>> {
    root.get(key).and_then(|value| value.get_ref().as_table())
}

fn trial_id<'t>(trial: &'t DeValue<'_>) -> Option<&'t str> {
    trial.get("id").and_then(|id| id.get_ref().as_str())
}
