//! An export for RecBole: atomic files, and a configuration that makes it take exactly this split.

use super::folder::Folder;
use super::rows::{Form, Rows};
use super::source::Source;
use crate::data::SourceIds;
use crate::error::Result;
use crate::metrics::{Candidates, Definition, Metric, Peer};
use crate::spec::Spec;
use crate::split::UserItems;

/// The configuration's file.
const CONFIGURATION: &str = "recbole.yaml";

pub(super) fn parts(source: Source<'_>, files: &mut Folder) -> Result<()> {
    let Source { data, ids, spec, .. } = source;
    let (split, (_, askers)) = (data.task.split(), data.askers(ids));
    // RecBole looks for the files of `name` in the folder `name` of its data.
    let name = name(spec);
    for (part, lists) in [("train", &split.train), ("valid", &split.valid), ("test", &split.test)] {
        files.put(&format!("{name}/{name}.{part}.inter"), interactions(&askers, lists, &ids.items)?)?;
    }
    // Items without an interaction are candidates, too.
    let mut items = Rows::new(Form::RecBole, &["item_id:token"]);
    ids.items.iter().try_for_each(|id| items.push([id]))?;
    files.put(&format!("{name}/{name}.item"), items)?;
    let of = |part: &UserItems| part.len() as u64;
    let counts = &mut files.counts;
    (counts.train, counts.valid, counts.test) = (of(&split.train), of(&split.valid), of(&split.test));
    counts.queries = data.task.test.queries().len() as u64;
    files.put_bytes(CONFIGURATION, configuration(&name, spec).as_bytes(), 0)
}

/// The spec's id as a folder's name.
fn name(spec: &Spec) -> String {
    spec.id.replace('/', "-")
}

fn interactions(askers: &SourceIds, lists: &UserItems, items: &SourceIds) -> Result<Rows> {
    let mut rows = Rows::new(Form::RecBole, &["user_id:token", "item_id:token"]);
    lists.pairs().try_for_each(|(asker, item)| rows.push([askers.of(asker), items.of(item)]))?;
    Ok(rows)
}

/// The metrics of the protocol that RecBole has, by its names, and their cutoffs.
fn metrics(spec: &Spec) -> (Vec<&'static str>, Vec<u32>) {
    let (mut names, mut cutoffs) = (Vec::new(), Vec::new());
    for metric in &spec.protocol.metrics {
        let (Some(name), Some(cutoff)) = (same(*metric), metric.cutoff()) else { continue };
        if !names.contains(&name) {
            names.push(name);
        }
        if !cutoffs.contains(&cutoff) {
            cutoffs.push(cutoff);
        }
    }
    if names.is_empty() {
        (names, cutoffs) = (vec!["Recall", "NDCG"], vec![10]);
    }
    cutoffs.sort_unstable();
    (names, cutoffs)
}

/// RecBole's name of the same formula.
fn same(metric: Metric) -> Option<&'static str> {
    let definition: Definition = metric.definition();
    definition.elsewhere(Peer::RecBole).same
}

fn configuration(name: &str, spec: &Spec) -> String {
    let (metrics, cutoffs) = metrics(spec);
    let cutoffs: Vec<String> = cutoffs.iter().map(u32::to_string).collect();
    let candidates = match spec.protocol.candidates {
        Candidates::Full => "# Candidates are all items that the user has not had, as in the spec.",
        _ => {
            "# The spec ranks other candidates than RecBole does: its own values of the test are not the spec's. Score the\n\
             # candidates that are exported, and let `reprise judge` rank them."
        }
    };
    format!(
        "# The split of the spec `{}`, profile `{}`, for RecBole 1.2. In this folder:\n\
         #   python -c \"from recbole.quick_start import run_recbole; run_recbole(model='BPR', dataset='{name}', config_file_list=['{CONFIGURATION}'])\"\n\
         data_path: .\n\
         dataset: {name}\n\
         benchmark_filename: [train, valid, test]\n\
         USER_ID_FIELD: user_id\n\
         ITEM_ID_FIELD: item_id\n\
         load_col:\n  inter: [user_id, item_id]\n  item: [item_id]\n\
         {candidates}\n\
         eval_args:\n  group_by: user\n  order: RO\n  mode: full\n\
         metrics: [{}]\n\
         topk: [{}]\n\
         valid_metric: {}@{}\n\
         metric_decimal_place: 15\n",
        spec.id,
        spec.profile,
        metrics.join(", "),
        cutoffs.join(", "),
        metrics[0],
        cutoffs[0],
    )
}
