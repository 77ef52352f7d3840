//! Searched cells as small graphs: circles from left to right, operations by colour and dashes.

use std::collections::BTreeSet;

use super::canvas::{Canvas, TEXT, TITLE, TextAnchor, picture, width};
use super::cell_graph::CellGraph;
use super::legend::{self, LegendEntry, LegendKey};
use super::palette::{INK, OperationStyle};
use crate::error::Result;

/// A figure of cells.
pub struct Architectures {
    pub title: String,
    pub cells: Vec<DrawnCell>,
}

/// A cell of the figure and its heading.
pub struct DrawnCell {
    /// The first line of the heading, in bold.
    pub name: String,
    /// The second line of the heading.
    pub of: String,
    pub graph: CellGraph,
}

/// Room for the cells of one line, in pixels, and the largest number of them.
const ROOM: f64 = 702.0;
const ACROSS: usize = 3;
/// Between cells, in pixels.
const GAP: f64 = 24.0;
/// From the middle of a node to that of the next, in pixels.
const STEP: f64 = 62.0;
/// Radius of a node, in pixels.
const NODE: f64 = 10.0;
/// Height of an edge above the line of the nodes for each node that it passes, and as much once more, in pixels.
const RISE: f64 = 16.0;
/// How far the curve of an edge that passes one node is drawn to its middle at its ends, in pixels.
const PULL: f64 = 38.0;
/// Height of a heading, in pixels.
const HEAD: f64 = 40.0;
/// Room below a cell, in pixels.
const FOOT: f64 = 18.0;
/// Around the figure, in pixels.
const EDGE: f64 = 14.0;
/// Number of straight pieces of an edge.
const PIECES: usize = 48;
/// Width of an edge, in pixels.
const STROKE: f64 = 2.4;

impl Architectures {
    /// The figure as SVG text.
    ///
    /// # Errors
    /// [`Internal`](crate::error::Kind::Internal) if plotters fails.
    pub fn svg(&self) -> Result<String> {
        // In the order of their names, so that a style depends on nothing but the names that the figure has.
        let names: BTreeSet<&str> =
            self.cells.iter().flat_map(|cell| cell.graph.edges()).map(|(_, _, name)| name).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let cell = self.cells.iter().map(DrawnCell::width).fold(0.0, f64::max);
        let across = (((ROOM + GAP) / (cell + GAP)) as usize).clamp(1, ACROSS);
        let room = (across as f64 * (cell + GAP) - GAP).max(ROOM);
        let wide = (room + 2.0 * EDGE).max(width(&self.title, TITLE) + 2.0 * EDGE);
        let legend: Vec<_> = names.iter().enumerate().map(|(index, name)| entry(index, name)).collect();
        let top = EDGE + 24.0 + legend::lines(&legend, room) as f64 * legend::LINE + 10.0;
        let rows: Vec<_> = self.cells.chunks(across).collect();
        let high: f64 = rows.iter().map(|row| height(row)).sum();
        picture(&self.title, wide, top + high, |canvas| {
            canvas.title(&self.title, (EDGE, EDGE + 8.0), TextAnchor::Left, TITLE)?;
            legend::draw(canvas, &legend, (EDGE, EDGE + 24.0), room)?;
            let mut upper = top;
            for row in &rows {
                for (column, drawn) in row.iter().enumerate() {
                    drawn.draw(canvas, &names, (EDGE + column as f64 * (cell + GAP), upper), above(row))?;
                }
                upper += height(row);
            }
            Ok(())
        })
    }
}

/// The legend's entry for an operation.
fn entry(index: usize, name: &str) -> LegendEntry {
    let style = OperationStyle::of(index);
    LegendEntry { key: LegendKey::Patterned(style.colour, style.pattern, STROKE), text: name.into() }
}

/// Height of the highest edge above the nodes of a line of cells, in pixels: that from the input to the last node.
fn above(row: &[DrawnCell]) -> f64 {
    row.iter().map(|cell| cell.graph.nodes() as f64 * RISE).fold(NODE, f64::max)
}

/// Height of a line of cells, in pixels. The lowest edge is that from node 1 to the last node, which passes one node less.
fn height(row: &[DrawnCell]) -> f64 {
    HEAD + above(row) + (above(row) - RISE).max(NODE) + FOOT
}

impl DrawnCell {
    fn width(&self) -> f64 {
        let graph = STEP * self.graph.nodes() as f64 + 2.0 * (NODE + 1.0);
        // Bold text is wider by a tenth.
        graph.max(1.1 * width(&self.name, TEXT)).max(width(&self.of, TEXT))
    }

    /// `names` are those of all operations, in the order of their styles; `above` is the height that the edges of the line of
    /// cells need above the nodes.
    fn draw(&self, canvas: &Canvas, names: &[&str], (left, upper): (f64, f64), above: f64) -> Result<()> {
        canvas.title(&self.name, (left, upper + 8.0), TextAnchor::Left, TEXT)?;
        canvas.text(&self.of, (left, upper + 24.0), TextAnchor::Left, TEXT)?;
        let line = upper + HEAD + above;
        let place = |node: usize| (left + NODE + 1.0 + STEP * node as f64, line);
        for (from, to, name) in self.graph.edges() {
            let index = names.binary_search(&name).expect("the names of all edges were collected");
            let style = OperationStyle::of(index);
            canvas.pattern(&edge(place(from), place(to), from, to - from), style.pattern, style.colour, STROKE)?;
        }
        // On the ends of the edges.
        for node in 0..=self.graph.nodes() {
            canvas.ring(place(node), NODE, INK)?;
            let label = if node == 0 { "f0".to_string() } else { node.to_string() };
            canvas.text(&label, place(node), TextAnchor::Middle, TEXT)?;
        }
        Ok(())
    }
}

/// The points of an edge: straight to the next node, else over or under the nodes between. Edges from nodes of even number
/// run above the line and others below, so that of four nodes no two edges cross.
fn edge((x, y): (f64, f64), (to_x, to_y): (f64, f64), from: usize, steps: usize) -> Vec<(f64, f64)> {
    if steps == 1 {
        return vec![(x, y), (to_x, to_y)];
    }
    let rise = if from.is_multiple_of(2) { -RISE } else { RISE } * steps as f64;
    // A cubic Bézier curve whose middle is at the height of the rise; a longer edge leaves its node more steeply.
    let (pull, control) = (PULL / (steps - 1) as f64, rise / 0.75);
    let curve = |t: f64| {
        let s = 1.0 - t;
        let [a, b, c, d] = [s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t];
        (a * x + b * (x + pull) + c * (to_x - pull) + d * to_x, y + (b + c) * control)
    };
    (0..=PIECES).map(|piece| curve(piece as f64 / PIECES as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(name: &str, text: &str) -> DrawnCell {
        DrawnCell { name: name.into(), of: "seed 0".into(), graph: CellGraph::read(text).unwrap() }
    }

    #[test]
    fn an_edge_passes_over_or_under_the_nodes_between() {
        assert_eq!(edge((0.0, 50.0), (62.0, 50.0), 0, 1), [(0.0, 50.0), (62.0, 50.0)]);
        let over = edge((0.0, 50.0), (186.0, 50.0), 0, 3);
        assert_eq!((over[0], over[PIECES / 2], over[PIECES]), ((0.0, 50.0), (93.0, 2.0), (186.0, 50.0)));
        let under = edge((62.0, 50.0), (186.0, 50.0), 1, 2);
        assert_eq!(under[PIECES / 2], (124.0, 82.0));
        // The shorter of two edges from one node lies within the longer.
        let within = edge((0.0, 50.0), (124.0, 50.0), 0, 2);
        let height = |x: f64| over.iter().min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs())).unwrap().1;
        assert!(within[2..].iter().all(|(x, y)| height(*x) < *y), "{within:?}");
    }

    #[test]
    fn draws_every_edge_once_and_names_every_operation_once() {
        let figure = Architectures {
            title: "Cells".into(),
            cells: vec![
                cell("Search <1>", "conv|pool,none|skip,none,conv"),
                cell("Random", "none|none,none"),
                cell("A name that is longer than three cells of a line let it be", "pool|pool,pool|conv,conv,conv"),
            ],
        };
        let svg = figure.svg().unwrap();
        for text in ["Cells", "Search &lt;1&gt;", "Random", "conv", "pool", "skip"] {
            assert_eq!(svg.matches(&format!(">\n{text}\n<")).count(), 1, "{text}: {svg}");
        }
        assert!(!svg.contains(">\nnone\n<"), "{svg}");
        // Rings of two discs: 4 + 3 + 4 nodes.
        assert_eq!(svg.matches("<circle").count(), 22, "{svg}");
        // One line for each solid edge, and one for each in the legend: `conv`, the first, is solid.
        let solid = OperationStyle::of(0);
        assert_eq!(solid.pattern, None);
        let (r, g, b) = solid.colour;
        assert_eq!(svg.matches(&format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"")).count(), 2 + 3 + 1, "{svg}");
        assert_eq!(svg, figure.svg().unwrap());
    }
}
