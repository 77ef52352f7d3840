//! Quality against size: one labelled point per trial, sizes on a logarithmic axis.

use super::Palette;
use super::axis::Axis;
use super::canvas::{Anchor, Mark, TEXT, TITLE, picture, width};
use super::palette::{GRID, INK};
use crate::error::Result;

/// A figure of points.
pub struct Scatter {
    pub title: String,
    pub x: String,
    pub y: String,
    pub points: Vec<Point>,
}

/// A trial.
pub struct Point {
    pub label: String,
    /// Above 0.
    pub x: f64,
    pub y: f64,
    /// Ends of the whiskers.
    pub whiskers: Option<(f64, f64)>,
}

/// Of the frame, in pixels.
const WIDE: f64 = 560.0;
const HIGH: f64 = 280.0;
/// Around the frame: the left has ticks and the axis' name, the lower edge too.
const LEFT: f64 = 78.0;
const TOP: f64 = 48.0;
const FOOT: f64 = 52.0;
const EDGE: f64 = 14.0;
/// Height of a label, in pixels.
const LABEL: f64 = 15.0;
/// From a point to its label, in pixels.
const BESIDE: f64 = 9.0;

impl Scatter {
    /// The figure as SVG text.
    ///
    /// # Errors
    /// [`Internal`](crate::error::Kind::Internal) if plotters fails.
    pub fn svg(&self, palette: &Palette) -> Result<String> {
        let wide = (LEFT + WIDE + EDGE).max(width(&self.title, TITLE) + 2.0 * EDGE);
        let (left, right, upper, lower) = (LEFT, LEFT + WIDE, TOP, TOP + HIGH);
        let x = Axis::log(self.points.iter().map(|point| point.x), (left, right));
        let ends = self.points.iter().flat_map(|point| {
            let (low, high) = point.whiskers.unwrap_or((point.y, point.y));
            [point.y, low, high]
        });
        let y = Axis::linear(ends, (lower, upper), 5);
        let places: Vec<_> = self.points.iter().map(|point| (x.at(point.x), y.at(point.y))).collect();
        picture(&self.title, wide, lower + FOOT, |canvas| {
            canvas.title(&self.title, (EDGE, EDGE + 8.0), Anchor::Left, TITLE)?;
            for tick in &x.ticks {
                canvas.line(&[(tick.at, upper), (tick.at, lower)], GRID, 1.0, 1.0)?;
                canvas.text(&tick.label, (tick.at, lower + 14.0), Anchor::Middle, TEXT)?;
            }
            for tick in &y.ticks {
                canvas.line(&[(left, tick.at), (right, tick.at)], GRID, 1.0, 1.0)?;
                canvas.text(&tick.label, (left - 8.0, tick.at), Anchor::Right, TEXT)?;
            }
            canvas.line(&[(left, upper), (left, lower), (right, lower)], INK, 1.0, 1.0)?;
            canvas.text(&self.x, (left + WIDE / 2.0, lower + 36.0), Anchor::Middle, TEXT)?;
            canvas.upright(&self.y, (EDGE + 4.0, upper + HIGH / 2.0), TEXT)?;
            for (point, place) in self.points.iter().zip(&places) {
                let colour = palette.colour(&point.label);
                if let Some((low, high)) = point.whiskers {
                    let (low, high) = (y.at(low), y.at(high));
                    canvas.line(&[(place.0, low), (place.0, high)], colour, 1.0, 1.5)?;
                    for end in [low, high] {
                        canvas.line(&[(place.0 - 4.0, end), (place.0 + 4.0, end)], colour, 1.0, 1.5)?;
                    }
                }
                canvas.mark(Mark::Disc, *place, 5.0, colour)?;
            }
            let labels: Vec<_> = self.points.iter().map(|point| &*point.label).collect();
            for (label, (at, anchor)) in labels.iter().zip(label_places(&labels, &places, right)) {
                canvas.text(label, at, anchor, TEXT)?;
            }
            Ok(())
        })
    }
}

/// Beside each point, to the left where the right has no room, moved up or down until no label
/// stands on another label or on another point.
fn label_places(labels: &[&str], points: &[(f64, f64)], right: f64) -> Vec<((f64, f64), Anchor)> {
    let mut taken: Vec<[f64; 4]> = points.iter().map(|(x, y)| [x - 5.0, y - 5.0, x + 5.0, y + 5.0]).collect();
    let mut places = Vec::new();
    for (label, (x, y)) in labels.iter().zip(points) {
        let wide = width(label, TEXT);
        let fits = x + BESIDE + wide <= right;
        let from = if fits { x + BESIDE } else { x - BESIDE - wide };
        let box_at = |dy: f64| [from, y + dy - LABEL / 2.0, from + wide, y + dy + LABEL / 2.0];
        // Nearest first; with more labels than places the last stands where it would have stood.
        let shifts = (0..12).map(|step| f64::from((step + 1) / 2) * LABEL * if step % 2 == 0 { 1.0 } else { -1.0 });
        let free = |candidate: &[f64; 4]| {
            taken
                .iter()
                .all(|t| candidate[2] <= t[0] || t[2] <= candidate[0] || candidate[3] <= t[1] || t[3] <= candidate[1])
        };
        let dy = shifts.map(|dy| (dy, box_at(dy))).find(|(_, b)| free(b)).map_or(0.0, |(dy, _)| dy);
        taken.push(box_at(dy));
        let (at, anchor) = if fits { (x + BESIDE, Anchor::Left) } else { (x - BESIDE, Anchor::Right) };
        places.push(((at, y + dy), anchor));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_way() {
        let places = label_places(&["one", "two", "far"], &[(10.0, 10.0), (12.0, 11.0), (290.0, 50.0)], 300.0);
        let heights: Vec<_> = places.iter().map(|((_, y), _)| *y).collect();
        assert!((heights[0] - heights[1]).abs() >= LABEL - 1.0, "{heights:?}");
        assert!(matches!(places[2], ((281.0, 50.0), Anchor::Right)));
    }

    #[test]
    fn has_its_labels_as_text() {
        let point = |label: &str, x, y| Point { label: label.into(), x, y, whiskers: Some((y - 0.01, y + 0.01)) };
        let figure = Scatter {
            title: "Quality against size".into(),
            x: "parameters".into(),
            y: "H@5".into(),
            points: vec![point("Teacher", 6_080_400.0, 0.51), point("Student", 608_040.0, 0.44)],
        };
        let palette = Palette::new(["Teacher".to_string(), "Student".to_string()]);
        let svg = figure.svg(&palette).unwrap();
        for text in ["Quality against size", "Teacher", "Student", "parameters", "H@5", "1M", "0.48"] {
            assert!(svg.contains(&format!(">\n{text}\n<")), "{text}: {svg}");
        }
        assert_eq!(svg, figure.svg(&palette).unwrap());
    }
}
