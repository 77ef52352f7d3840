//! The layout of line figures: panels one above the other on one horizontal axis, the legend above.

use super::axis::{Axis, Tick};
use super::canvas::{Canvas, TEXT, TITLE, TextAnchor, picture, width};
use super::legend::{self, LegendEntry};
use super::palette::{GRID, INK};
use crate::error::Result;

/// Width of a panel, in pixels.
const WIDE: f64 = 640.0;
/// Room to the left of a panel for ticks and the name of the axis, in pixels.
const LEFT: f64 = 62.0;
/// Room above each panel for its title, and below the last for ticks and the name of the axis, in pixels.
const HEAD: f64 = 28.0;
const FOOT: f64 = 46.0;
/// Around the figure, in pixels.
const EDGE: f64 = 14.0;

/// The horizontal axis that the panels share.
pub(super) struct Across {
    pub axis: Axis,
    /// Pixels of the vertical grid lines.
    pub rules: Vec<f64>,
    pub labels: Vec<Tick>,
    pub name: String,
}

impl Across {
    /// An axis from `low` to `high` with a grid line at each label.
    pub fn linear((low, high): (f64, f64), ticks: usize, name: &str) -> Self {
        let mut axis = Axis::linear_within((low, high), pixels(), ticks);
        let labels = std::mem::take(&mut axis.ticks);
        Self { axis, rules: labels.iter().map(|tick| tick.at).collect(), labels, name: name.into() }
    }

    /// An axis of blocks, each a label and a width, one after the other from 0 on: a grid line where a block begins, its label
    /// below its middle.
    pub fn blocks(blocks: &[(String, f64)], name: &str) -> Self {
        let whole: f64 = blocks.iter().map(|(_, wide)| wide).sum();
        let axis = Axis::linear_within((0.0, whole.max(1.0)), pixels(), 1);
        let (mut begin, mut rules, mut labels) = (0.0, Vec::new(), Vec::new());
        for (label, wide) in blocks {
            rules.push(axis.at(begin));
            labels.push(Tick { at: axis.at(begin + wide / 2.0), label: label.clone() });
            begin += wide;
        }
        Self { axis, rules, labels, name: name.into() }
    }
}

/// Pixels at which the horizontal axis begins and ends.
fn pixels() -> (f64, f64) {
    (EDGE + LEFT, EDGE + LEFT + WIDE)
}

/// The frame that a panel is drawn in.
pub(super) struct PanelFrame<'c, 'a> {
    pub canvas: &'c Canvas<'a>,
    pub across: &'c Across,
    /// Pixels of the frame's upper and lower edge.
    pub upper: f64,
    pub lower: f64,
}

impl PanelFrame<'_, '_> {
    /// Draws the panel's title, axes and grid.
    pub fn frame(&self, title: &str, axis: &Axis) -> Result<()> {
        let (canvas, upper, lower) = (self.canvas, self.upper, self.lower);
        let (left, right) = pixels();
        canvas.title(title, (left, upper - 12.0), TextAnchor::Left, TEXT)?;
        for tick in &axis.ticks {
            canvas.line(&[(left, tick.at), (right, tick.at)], GRID, 1.0, 1.0)?;
            canvas.text(&tick.label, (left - 8.0, tick.at), TextAnchor::Right, TEXT)?;
        }
        for at in &self.across.rules {
            canvas.line(&[(*at, upper), (*at, lower)], GRID, 1.0, 1.0)?;
        }
        canvas.line(&[(left, upper), (left, lower), (right, lower)], INK, 1.0, 1.0)
    }
}

/// Draws a figure of `panels` panels, each `high` pixels high, and returns it as SVG text.
pub(super) fn panels(
    title: &str,
    legend: &[LegendEntry],
    across: &Across,
    (panels, high): (usize, f64),
    draw: impl Fn(usize, &PanelFrame) -> Result<()>,
) -> Result<String> {
    let room = LEFT + WIDE;
    let wide = (room + 2.0 * EDGE).max(width(title, TITLE) + 2.0 * EDGE);
    let top = EDGE + 24.0 + legend::lines(legend, room) as f64 * legend::LINE;
    let whole = top + (HEAD + high) * panels as f64 + FOOT;
    picture(title, wide, whole, |canvas| {
        canvas.title(title, (EDGE, EDGE + 8.0), TextAnchor::Left, TITLE)?;
        legend::draw(canvas, legend, (EDGE, EDGE + 24.0), room)?;
        let mut lower = top;
        for panel in 0..panels {
            let upper = lower + HEAD;
            lower = upper + high;
            draw(panel, &PanelFrame { canvas, across, upper, lower })?;
        }
        for tick in &across.labels {
            canvas.text(&tick.label, (tick.at, lower + 13.0), TextAnchor::Middle, TEXT)?;
        }
        let (left, right) = pixels();
        canvas.text(&across.name, ((left + right) / 2.0, lower + 33.0), TextAnchor::Middle, TEXT)
    })
}
