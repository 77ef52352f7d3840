//! The trials of a spec: their methods, their teachers, and the order in which they can be trained.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::checked::{Trainer, Trial};
use super::external::external;
use super::like::{MOST_TRIALS, likened};
use super::refuse::{known_trial, measured, metric_texts, not_empty, plain_name, unique, wrong_type};
use super::wire::{WireSpec, WireTrial};
use crate::document::{Document, tree};
use crate::error::{Error, Result};
use crate::method::{Params, Registry};
use crate::metrics::Protocol;
use crate::program::ExternalProgram;
use crate::split::TrainingData;
use crate::suggest::{did_you_mean, one_of, quoted};

/// Checks the trials of `wire`, whose hyper-parameters are still in the tree `root`, and returns
/// them with teachers before students.
pub fn check(document: &Document<'_>, root: &DeTable<'_>, wire: &WireSpec, registry: &Registry) -> Result<Vec<Trial>> {
    let wires = wire.trials.get_ref();
    not_empty(document, &wire.trials, wires.is_empty(), "trial")?;
    for trial in wires {
        plain_name(document, &trial.id, "a trial's id")?;
        if trial.id.get_ref() == Protocol::STREAM {
            return Err(document
                .refuse(trial.id.span(), format!("a trial cannot be called `{}`", Protocol::STREAM))
                .hint("the protocol draws its negatives from the stream of that name"));
        }
    }
    let ids: Vec<_> = wires.iter().map(|trial| trial.id.clone()).collect();
    unique(document, &ids, "trial")?;
    let order = order(document, wires)?;
    let trees = root.get("trial").and_then(|trials| trials.get_ref().as_array()).expect("the trials were read");
    let mut trials = (wires.iter().zip(trees.iter()))
        .map(|(trial, tree)| match one(document, trial, tree, wire, registry) {
            Ok(one) => Ok(Some(one)),
            // What is wrong may stand where it is right.
            Err(error) => Err(match likened(document, trial.id.get_ref()) {
                Some(other) => error.hint(format!(
                    "`{}` has it from `{other}`, which it is like, or says it itself",
                    trial.id.get_ref()
                )),
                None => error,
            }),
        })
        .collect::<Result<Vec<_>>>()?;
    teachers_can_teach(document, wires, &trials)?;
    Ok(order.into_iter().map(|index| trials[index].take().expect("an order holds each trial once")).collect())
}

fn one(
    document: &Document<'_>,
    wire: &WireTrial,
    tree: &Spanned<DeValue<'_>>,
    of: &WireSpec,
    registry: &Registry,
) -> Result<Trial> {
    let method = wire.method.get_ref().as_str();
    let params = match tree.get_ref().get("params") {
        Some(params) if params.get_ref().is_table() => params.clone(),
        Some(other) => return Err(wrong_type(document, other, "a table of hyper-parameters")),
        // A method without hyper-parameters needs no table; what is missing is missed at the trial.
        None => Spanned::new(tree.span(), DeValue::Table(DeTable::new())),
    };
    check_watched(document, &params, of)?;
    let (trainer, params) = match method {
        ExternalProgram::METHOD => external(document, params)?,
        _ => {
            let build = registry.get(method).ok_or_else(|| unknown(document, wire, registry))?;
            let (json, span) = (tree::json(params.get_ref()), params.span());
            let built = build(Params::new(params)).map_err(|error| document.explain(span, &error))?;
            fits_the_split(document, wire, of, built.learns_on())?;
            (Trainer::Method(built), json)
        }
    };
    match (&wire.teacher, trainer.learns_from().is_empty()) {
        (Some(teacher), true) => {
            return Err(document
                .refuse(teacher.span(), format!("the method `{method}` learns from no teacher"))
                .expected("no key `teacher`")
                .got(format!("`{}`", teacher.get_ref())));
        }
        (None, false) => {
            return Err(document
                .refuse(wire.method.span(), format!("the method `{method}` learns from a teacher"))
                .expected(format!("`teacher`: another trial, in `{}`", wire.id.get_ref()))
                .got("no key `teacher`"));
        }
        _ => {}
    }
    Ok(Trial {
        id: wire.id.get_ref().clone(),
        label: wire.label.clone(),
        method: method.to_string(),
        teacher: wire.teacher.as_ref().map(|teacher| teacher.get_ref().clone()),
        params,
        trainer,
    })
}

fn unknown(document: &Document<'_>, wire: &WireTrial, registry: &Registry) -> Error {
    let method = wire.method.get_ref();
    let names = || registry.names().chain([ExternalProgram::METHOD]);
    let error = document
        .refuse(wire.method.span(), format!("there is no method `{method}`"))
        .expected(one_of(names()))
        .got(format!("`{method}`"));
    did_you_mean(error, method, names())
}

/// A method stands in a spec whose split makes what it learns from.
fn fits_the_split(document: &Document<'_>, wire: &WireTrial, of: &WireSpec, learns_on: TrainingData) -> Result<()> {
    if learns_on == of.split.makes() {
        return Ok(());
    }
    let method = wire.method.get_ref();
    Err(document
        .refuse(wire.method.span(), format!("the method `{method}` learns from {}", learns_on.describe()))
        .expected("a method for the spec's split")
        .got(of.split.describe())
        .hint(learns_on.rules()))
}

/// Every teacher makes a model of a kind that its student learns from. `trials` in the order of `wires`.
fn teachers_can_teach(document: &Document<'_>, wires: &[WireTrial], trials: &[Option<Trial>]) -> Result<()> {
    let trials: Vec<&Trial> = trials.iter().flatten().collect();
    for (wire, student) in wires.iter().zip(&trials) {
        let Some(id) = &wire.teacher else { continue };
        let kinds = student.trainer.learns_from();
        let can_teach = |trial: &Trial| trial.trainer.makes().is_some_and(|kind| kinds.contains(&kind));
        let Some(teacher) = trials.iter().find(|trial| trial.id == *id.get_ref()) else { continue };
        if can_teach(teacher) {
            continue;
        }
        let able = trials.iter().filter(|trial| can_teach(trial) && trial.id != student.id);
        let able: Vec<&str> = able.map(|trial| trial.id.as_str()).collect();
        return Err(document
            .refuse(id.span(), format!("`{}` cannot learn from the trial `{}`", student.id, teacher.id))
            .expected(format!("a trial whose model is {}", one_of(kinds.iter().copied())))
            .got(format!("a model of the method `{}`", teacher.method))
            .hint(match &able[..] {
                [] => "add such a trial to the spec".to_string(),
                able => format!("such trials of this spec: {}", quoted(able.iter().copied())),
            }));
    }
    Ok(())
}

/// `stopping.watch`, wherever it stands in the hyper-parameters, is the engine's own: early stopping
/// watches metrics that the protocol measures, on validation items that the split holds out.
fn check_watched(document: &Document<'_>, params: &Spanned<DeValue<'_>>, of: &WireSpec) -> Result<()> {
    let mut watches = Vec::new();
    if let Some(table) = params.get_ref().as_table() {
        tree::walk(table, &mut |node| {
            if node.key == "stopping" || node.key.ends_with(".stopping") {
                watches.extend(node.value.get_ref().get("watch"));
            }
        });
    }
    for watch in watches {
        let Some(items) = watch.get_ref().as_array() else { continue };
        not_empty(document, watch, items.is_empty(), "watched metric")?;
        if !of.split.has_validation() {
            return Err(document
                .refuse(watch.span(), "there are no validation items to watch")
                .expected("`stopping = \"none\"`, or a split that holds out a validation part")
                .got(of.split.describe())
                .hint("under the rule `70-10-20` the phase `tune` has a validation part"));
        }
        let measured = |text: Spanned<&str>| Ok(Spanned::new(text.span(), measured(document, &text, &of.protocol)?));
        unique(document, &metric_texts(Some(watch)).map(measured).collect::<Result<Vec<_>>>()?, "watched metric")?;
    }
    Ok(())
}

/// Indices of the trials, each teacher before its students, else as written.
fn order(document: &Document<'_>, wires: &[WireTrial]) -> Result<Vec<usize>> {
    if let Some(extra) = wires.get(MOST_TRIALS) {
        return Err(document
            .refuse(extra.id.span(), "the spec has more trials than any paper")
            .expected(format!("at most {MOST_TRIALS}"))
            .got(wires.len().to_string()));
    }
    let ids: Vec<&str> = wires.iter().map(|trial| trial.id.get_ref().as_str()).collect();
    let mut teachers = Vec::new();
    for trial in wires {
        teachers.push(match &trial.teacher {
            Some(teacher) => {
                known_trial(document, teacher, &ids)?;
                ids.iter().position(|id| id == teacher.get_ref())
            }
            None => None,
        });
    }
    let mut order: Vec<usize> = Vec::new();
    while order.len() < wires.len() {
        let ready = |index: &usize| !order.contains(index) && teachers[*index].is_none_or(|t| order.contains(&t));
        let Some(next) = (0..wires.len()).find(ready) else { return Err(cycle(document, wires, &teachers, &order)) };
        order.push(next);
    }
    Ok(order)
}

/// The error that names a cycle, there being one among the trials that are not in `order`.
fn cycle(document: &Document<'_>, wires: &[WireTrial], teachers: &[Option<usize>], order: &[usize]) -> Error {
    let start = (0..wires.len()).find(|index| !order.contains(index)).expect("some trial is left over");
    // Every trial left over has a teacher that is left over, so following teachers meets a trial again.
    let mut path = vec![start];
    let cycle = loop {
        let teacher = teachers[path[path.len() - 1]].expect("a trial without a teacher is in the order");
        let met = path.iter().position(|&index| index == teacher);
        path.push(teacher);
        if let Some(met) = met {
            break &path[met..];
        }
    };
    let names: Vec<_> = cycle.iter().map(|&index| wires[index].id.get_ref().as_str()).collect();
    let span = wires[cycle[0]].teacher.as_ref().map(Spanned::span).unwrap_or_default();
    document
        .refuse(span, "a trial is its own teacher in the end")
        .expected("teachers that can be trained first")
        .got(format!("{} (each learns from the next)", names.join(" → ")))
}
