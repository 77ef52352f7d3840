//! What figures of lines share: panels one above the other on one horizontal axis, the legend above.

use super::axis::{Axis, Tick};
use super::canvas::{Anchor, Canvas, TEXT, TITLE, picture, width};
use super::legend::{self, Entry};
use super::palette::{GRID, INK};
use crate::error::Result;

/// Of a panel's frame, in pixels.
const WIDE: f64 = 640.0;
/// Left of the frame: ticks and the name of the axis.
const LEFT: f64 = 62.0;
/// Above each frame (its title) and below the last (ticks and the name of the axis).
const HEAD: f64 = 28.0;
const FOOT: f64 = 46.0;
/// Around the figure, in pixels.
const EDGE: f64 = 14.0;

/// The horizontal axis.
pub(super) struct Across {
    pub axis: Axis,
    /// Pixels of the lines from top to bottom.
    pub rules: Vec<f64>,
    pub labels: Vec<Tick>,
    pub name: String,
}

impl Across {
    /// Its values from `low` to `high`, with lines at the labels.
    pub fn linear((low, high): (f64, f64), ticks: usize, name: &str) -> Self {
        let mut axis = Axis::linear_within((low, high), pixels(), ticks);
        let labels = std::mem::take(&mut axis.ticks);
        Self { axis, rules: labels.iter().map(|tick| tick.at).collect(), labels, name: name.into() }
    }

    /// Blocks of a label and a width, one after the other from 0 on: a line where each begins, its label below it.
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

/// Where the horizontal axis begins and ends.
fn pixels() -> (f64, f64) {
    (EDGE + LEFT, EDGE + LEFT + WIDE)
}

/// The place of a panel.
pub(super) struct Place<'c, 'a> {
    pub canvas: &'c Canvas<'a>,
    pub across: &'c Across,
    /// Pixels of the frame's upper and lower edge.
    pub upper: f64,
    pub lower: f64,
}

impl Place<'_, '_> {
    /// The panel's title, frame and grid.
    pub fn frame(&self, title: &str, axis: &Axis) -> Result<()> {
        let (canvas, upper, lower) = (self.canvas, self.upper, self.lower);
        let (left, right) = pixels();
        canvas.title(title, (left, upper - 12.0), Anchor::Left, TEXT)?;
        for tick in &axis.ticks {
            canvas.line(&[(left, tick.at), (right, tick.at)], GRID, 1.0, 1.0)?;
            canvas.text(&tick.label, (left - 8.0, tick.at), Anchor::Right, TEXT)?;
        }
        for at in &self.across.rules {
            canvas.line(&[(*at, upper), (*at, lower)], GRID, 1.0, 1.0)?;
        }
        canvas.line(&[(left, upper), (left, lower), (right, lower)], INK, 1.0, 1.0)
    }
}

/// A figure of `panels` panels, each `high` pixels high.
pub(super) fn panels(
    title: &str,
    legend: &[Entry],
    across: &Across,
    (panels, high): (usize, f64),
    draw: impl Fn(usize, &Place) -> Result<()>,
) -> Result<String> {
    let room = LEFT + WIDE;
    let wide = (room + 2.0 * EDGE).max(width(title, TITLE) + 2.0 * EDGE);
    let top = EDGE + 24.0 + legend::lines(legend, room) as f64 * legend::LINE;
    let whole = top + (HEAD + high) * panels as f64 + FOOT;
    picture(title, wide, whole, |canvas| {
        canvas.title(title, (EDGE, EDGE + 8.0), Anchor::Left, TITLE)?;
        legend::draw(canvas, legend, (EDGE, EDGE + 24.0), room)?;
        let mut lower = top;
        for panel in 0..panels {
            let upper = lower + HEAD;
            lower = upper + high;
            draw(panel, &Place { canvas, across, upper, lower })?;
        }
        for tick in &across.labels {
            canvas.text(&tick.label, (tick.at, lower + 13.0), Anchor::Middle, TEXT)?;
        }
        let (left, right) = pixels();
        canvas.text(&across.name, ((left + right) / 2.0, lower + 33.0), Anchor::Middle, TEXT)
    })
}
