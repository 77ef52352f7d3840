//! What the marks and lines mean, in lines above the figure.

use super::canvas::{Anchor, Canvas, Mark, TEXT, width};
use super::palette::Colour;
use crate::error::Result;

/// Height of a line of the legend, in pixels.
pub(super) const LINE: f64 = 20.0;
/// Room for a mark or a stroke, in pixels.
const SAMPLE: f64 = 22.0;
/// Between entries, in pixels.
const GAP: f64 = 18.0;

pub(super) enum Sample {
    Mark(Mark, Colour),
    /// A colour, an opacity and a width in pixels.
    Stroke(Colour, f64, f64),
    /// A line through a disc.
    Through(Colour),
    /// A dashed line through a ring.
    Dashed(Colour),
}

pub(super) struct Entry {
    pub sample: Sample,
    pub text: String,
}

/// Number of lines that the entries take in `room` pixels.
pub(super) fn lines(entries: &[Entry], room: f64) -> usize {
    places(entries, room).last().map_or(0, |(_, line)| line + 1)
}

/// Draws the entries from `left` on, the first line centred on `top` + half a line.
pub(super) fn draw(canvas: &Canvas, entries: &[Entry], (left, top): (f64, f64), room: f64) -> Result<()> {
    for (entry, (x, line)) in entries.iter().zip(places(entries, room)) {
        let (x, y) = (left + x, top + (line as f64 + 0.5) * LINE);
        let stroke = [(x, y), (x + SAMPLE - 4.0, y)];
        let middle = (x + SAMPLE / 2.0 - 2.0, y);
        match entry.sample {
            Sample::Mark(mark, colour) => canvas.mark(mark, (x + SAMPLE / 2.0, y), 4.0, colour)?,
            Sample::Stroke(colour, opacity, width) => {
                canvas.line(&stroke, colour, opacity, width)?;
            }
            Sample::Through(colour) => {
                canvas.line(&stroke, colour, 1.0, 1.6)?;
                canvas.mark(Mark::Disc, middle, 3.0, colour)?;
            }
            Sample::Dashed(colour) => {
                // Shorter than in the figure: there is little room.
                canvas.dashes(&stroke, (3.5, 2.0), colour, 1.2)?;
                canvas.ring(middle, 3.2, colour)?;
            }
        }
        canvas.text(&entry.text, (x + SAMPLE, y), Anchor::Left, TEXT)?;
    }
    Ok(())
}

/// (x, line) of each entry.
fn places(entries: &[Entry], room: f64) -> Vec<(f64, usize)> {
    let (mut x, mut line) = (0.0, 0);
    let mut places = Vec::new();
    for entry in entries {
        let wide = SAMPLE + width(&entry.text, TEXT) + GAP;
        if x > 0.0 && x + wide > room {
            (x, line) = (0.0, line + 1);
        }
        places.push((x, line));
        x += wide;
    }
    places
}
