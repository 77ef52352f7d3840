//! The legend: what marks and lines mean, in lines of text above the figure.

use super::canvas::{Canvas, Mark, TEXT, TextAnchor, width};
use super::palette::Colour;
use crate::error::Result;

/// Height of a line of the legend, in pixels.
pub(super) const LINE: f64 = 20.0;
/// Width of a mark or line, in pixels.
const KEY: f64 = 22.0;
/// Room between entries, in pixels.
const GAP: f64 = 18.0;

/// The example that a legend shows of a mark or line.
pub(super) enum LegendKey {
    /// A mark.
    Mark(Mark, Colour),
    /// A line, of an opacity and a width in pixels.
    Stroke(Colour, f64, f64),
    /// A line, unbroken or of dashes and gaps of these lengths in pixels, of a width in pixels.
    Patterned(Colour, Option<(f64, f64)>, f64),
    /// A line through a disc.
    Through(Colour),
    /// A dashed line through a ring.
    Dashed(Colour),
}

/// An entry of a legend.
pub(super) struct LegendEntry {
    pub key: LegendKey,
    pub text: String,
}

/// Number of lines that the entries take in `room` pixels.
pub(super) fn lines(entries: &[LegendEntry], room: f64) -> usize {
    places(entries, room).last().map_or(0, |(_, line)| line + 1)
}

/// Draws the entries from `left` on, the first line centred on `top` + half a line.
pub(super) fn draw(canvas: &Canvas, entries: &[LegendEntry], (left, top): (f64, f64), room: f64) -> Result<()> {
    for (entry, (x, line)) in entries.iter().zip(places(entries, room)) {
        let (x, y) = (left + x, top + (line as f64 + 0.5) * LINE);
        let stroke = [(x, y), (x + KEY - 4.0, y)];
        let middle = (x + KEY / 2.0 - 2.0, y);
        match entry.key {
            LegendKey::Mark(mark, colour) => canvas.mark(mark, (x + KEY / 2.0, y), 4.0, colour)?,
            LegendKey::Stroke(colour, opacity, width) => {
                canvas.line(&stroke, colour, opacity, width)?;
            }
            LegendKey::Patterned(colour, dash_gap, width) => canvas.pattern(&stroke, dash_gap, colour, width)?,
            LegendKey::Through(colour) => {
                canvas.line(&stroke, colour, 1.0, 1.6)?;
                canvas.mark(Mark::Disc, middle, 3.0, colour)?;
            }
            LegendKey::Dashed(colour) => {
                // Shorter than in the figure: there is little room.
                canvas.dashes(&stroke, (3.5, 2.0), colour, 1.2)?;
                canvas.ring(middle, 3.2, colour)?;
            }
        }
        canvas.text(&entry.text, (x + KEY, y), TextAnchor::Left, TEXT)?;
    }
    Ok(())
}

/// (x, line) of each entry.
fn places(entries: &[LegendEntry], room: f64) -> Vec<(f64, usize)> {
    let (mut x, mut line) = (0.0, 0);
    let mut places = Vec::new();
    for entry in entries {
        let wide = KEY + width(&entry.text, TEXT) + GAP;
        if x > 0.0 && x + wide > room {
            (x, line) = (0.0, line + 1);
        }
        places.push((x, line));
        x += wide;
    }
    places
}
