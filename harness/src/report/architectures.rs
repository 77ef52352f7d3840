//! The figure of the cells that methods report as texts.

use super::figure::{ARCHITECTURES, Figure};
use super::text::seeds;
use crate::error::Result;
use crate::plot::{Architectures, CellGraph, DrawnCell};
use crate::record::Runs;
use crate::spec::Spec;
use crate::train::Fact;

/// Largest number of cells that are drawn.
const MOST_CELLS: usize = 12;

/// A cell, and the runs that report it.
struct Reported<'a> {
    text: &'a str,
    graph: CellGraph,
    /// Label of the first trial, in the order of the spec, and its seeds.
    label: &'a str,
    seeds: Vec<u64>,
    /// Number of the other trials that report the same cell.
    others: usize,
}

/// Every different cell that a fact of a run describes, once: under the first trial that has it, with the seeds that came to
/// it. `None` where no fact has the form of a [`CellGraph`].
pub(super) fn architectures(spec: &Spec, runs: &Runs) -> Result<Option<Figure>> {
    let cells = reported(spec, runs);
    if cells.is_empty() {
        return Ok(None);
    }
    let drawn = cells.iter().take(MOST_CELLS).map(|cell| DrawnCell {
        name: cell.label.into(),
        of: match cell.others {
            0 => seeds(&cell.seeds),
            1 => format!("{}; 1 more trial", seeds(&cell.seeds)),
            others => format!("{}; {others} more trials", seeds(&cell.seeds)),
        },
        graph: cell.graph.clone(),
    });
    let svg = Architectures { title: format!("{}: architectures", spec.title), cells: drawn.collect() }.svg()?;
    let which =
        if cells.len() > MOST_CELLS { format!("the first {MOST_CELLS} of {}", cells.len()) } else { "all".into() };
    let caption = format!(
        "Different architectures of the table above ({which}): f0 is the input of a cell, its nodes take the operations \
         of the edges that come from their left, and `none` is no edge. Each is drawn once, under the first trial that \
         has it."
    );
    Ok(Some(Figure { file: ARCHITECTURES.into(), caption, svg }))
}

/// All cells, in the order of trials, then of seeds.
fn reported<'a>(spec: &'a Spec, runs: &Runs<'a>) -> Vec<Reported<'a>> {
    let mut cells = Vec::<Reported>::new();
    for trial in &spec.trials {
        // Those of earlier trials count this one once.
        let (earlier, mut counted) = (cells.len(), vec![false; cells.len()]);
        for record in runs.trial(&trial.id) {
            for fact in record.facts.values() {
                let Fact::Text(text) = fact else { continue };
                match cells.iter().position(|cell| cell.text == text) {
                    Some(index) if index < earlier => counted[index] = true,
                    Some(index) => cells[index].seeds.push(record.seed),
                    None => cells.extend(CellGraph::read(text).map(|graph| Reported {
                        text,
                        graph,
                        label: &trial.label,
                        seeds: vec![record.seed],
                        others: 0,
                    })),
                }
            }
        }
        for (cell, counted) in cells.iter_mut().zip(counted) {
            cell.others += usize::from(counted);
        }
    }
    cells
}
