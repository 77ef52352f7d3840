//! Quality against size or time: one labelled point per trial, the quantity on a logarithmic axis.

use super::Palette;
use super::axis::Axis;
use super::canvas::{Mark, TEXT, TITLE, TextAnchor, picture, width};
use super::palette::{GRID, INK, LEADER};
use crate::error::Result;

/// A figure of labelled points.
pub struct Scatter {
    pub title: String,
    /// Name of the horizontal axis.
    pub x: String,
    /// Name of the vertical axis.
    pub y: String,
    pub points: Vec<Point>,
}

/// A point for a trial.
pub struct Point {
    pub label: String,
    /// The quantity, above 0.
    pub x: f64,
    /// The metric.
    pub y: f64,
    /// Ends of the whiskers along the metric.
    pub whiskers: Option<(f64, f64)>,
}

/// Width and height of the frame, in pixels.
const WIDE: f64 = 560.0;
const HIGH: f64 = 280.0;
/// Room around the frame, in pixels: to the left and below for ticks and the name of the axis, above for the title.
const LEFT: f64 = 78.0;
const TOP: f64 = 48.0;
const FOOT: f64 = 52.0;
const EDGE: f64 = 14.0;
/// Height of a label, in pixels.
const LABEL: f64 = 15.0;
/// Distance from the outermost point of a group to its labels, in pixels.
const BESIDE: f64 = 14.0;
/// Points whose horizontal distance is smaller than this, in pixels, are a group.
const NEAR: f64 = 14.0;
/// Horizontal distance to which the points of a group are moved apart, in pixels: their whiskers do not hide each other.
const APART: f64 = 8.0;

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
        let mut places: Vec<_> = self.points.iter().map(|point| (x.at(point.x), y.at(point.y))).collect();
        let groups = groups(&places);
        groups.iter().for_each(|group| move_apart(group, &mut places));
        picture(&self.title, wide, lower + FOOT, |canvas| {
            canvas.title(&self.title, (EDGE, EDGE + 8.0), TextAnchor::Left, TITLE)?;
            for tick in &x.ticks {
                canvas.line(&[(tick.at, upper), (tick.at, lower)], GRID, 1.0, 1.0)?;
                canvas.text(&tick.label, (tick.at, lower + 14.0), TextAnchor::Middle, TEXT)?;
            }
            for tick in &y.ticks {
                canvas.line(&[(left, tick.at), (right, tick.at)], GRID, 1.0, 1.0)?;
                canvas.text(&tick.label, (left - 8.0, tick.at), TextAnchor::Right, TEXT)?;
            }
            canvas.line(&[(left, upper), (left, lower), (right, lower)], INK, 1.0, 1.0)?;
            canvas.text(&self.x, (left + WIDE / 2.0, lower + 36.0), TextAnchor::Middle, TEXT)?;
            canvas.upright(&self.y, (EDGE + 4.0, upper + HIGH / 2.0), TEXT)?;
            let labels: Vec<_> = self.points.iter().map(|point| &*point.label).collect();
            for group in &groups {
                for (point, at, anchor) in label_places(group, &labels, &places, right, (upper, lower)) {
                    let end = if matches!(anchor, TextAnchor::Left) { at.0 - 2.0 } else { at.0 + 2.0 };
                    canvas.line(&[places[point], (end, at.1)], LEADER, 1.0, 0.8)?;
                    canvas.text(labels[point], at, anchor, TEXT)?;
                }
            }
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
            Ok(())
        })
    }
}

/// Points that stand side by side or on each other, from left to right; in each group from top to bottom.
fn groups(places: &[(f64, f64)]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&a, &b| places[a].0.total_cmp(&places[b].0));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for point in order {
        match groups.last_mut() {
            Some(group) if places[point].0 - places[*group.last().expect("not empty")].0 < NEAR => group.push(point),
            _ => groups.push(vec![point]),
        }
    }
    for group in &mut groups {
        group.sort_by(|&a, &b| places[a].1.total_cmp(&places[b].1));
    }
    groups
}

/// The points of a group that would hide each other, side by side around their middle.
fn move_apart(group: &[usize], places: &mut [(f64, f64)]) {
    let middle = group.iter().map(|&point| places[point].0).sum::<f64>() / group.len() as f64;
    let first = middle - APART * (group.len() - 1) as f64 / 2.0;
    if group.len() > 1 {
        // The highest is the nearest to the labels, so that no line to a label crosses a higher one.
        for (k, &point) in group.iter().rev().enumerate() {
            places[point].0 = first + APART * k as f64;
        }
    }
}

/// Labels of a group in one column, each as near to its point's height as the others let it: to the right,
/// or to the left where the right has no room.
fn label_places(
    group: &[usize],
    labels: &[&str],
    places: &[(f64, f64)],
    right: f64,
    (upper, lower): (f64, f64),
) -> Vec<(usize, (f64, f64), TextAnchor)> {
    let widest = group.iter().map(|&point| width(labels[point], TEXT)).fold(0.0, f64::max);
    let ends = group.iter().map(|&point| places[point].0);
    let (first, last) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    // Other groups to the right need their place, too.
    let others = (0..places.len()).filter(|point| !group.contains(point)).map(|point| places[point].0);
    let next = others.filter(|x| *x > last).fold(right, f64::min);
    let fits = last + BESIDE + widest <= next;
    let (x, anchor) = if fits { (last + BESIDE, TextAnchor::Left) } else { (first - BESIDE, TextAnchor::Right) };
    let mut heights: Vec<f64> = group.iter().map(|&point| places[point].1).collect();
    for k in 1..heights.len() {
        heights[k] = heights[k].max(heights[k - 1] + LABEL);
    }
    // Pushed down, the column is moved up again by half, and kept within the frame.
    let pushed = heights.iter().zip(group).map(|(height, &point)| height - places[point].1).fold(0.0, f64::max);
    let end = heights.last().copied().unwrap_or(lower);
    let start = heights.first().copied().unwrap_or(upper);
    let shift = (pushed / 2.0).max(end - lower).min((start - upper).max(0.0));
    group.iter().zip(heights).map(|(&point, height)| (point, (x, height - shift), anchor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_moved_apart_and_labelled_in_a_column() {
        let mut places = vec![(10.0, 60.0), (290.0, 50.0), (12.0, 50.0), (11.0, 55.0)];
        let groups = groups(&places);
        assert_eq!(groups, [vec![2, 3, 0], vec![1]]);
        groups.iter().for_each(|group| move_apart(group, &mut places));
        // Around 11, the highest on the right; heights are figures, and stay.
        assert_eq!(places, [(3.0, 60.0), (290.0, 50.0), (19.0, 50.0), (11.0, 55.0)]);
        let labels = ["low", "far", "top", "mid"];
        let column = label_places(&groups[0], &labels, &places, 300.0, (0.0, 200.0));
        let heights: Vec<_> = column.iter().map(|(point, (x, y), _)| (*point, *x, *y)).collect();
        // 50, 65, 80 for 50, 55, 60: up by half of the most that one was pushed.
        assert_eq!(heights, [(2, 33.0, 40.0), (3, 33.0, 55.0), (0, 33.0, 70.0)]);
        let far = label_places(&groups[1], &labels, &places, 300.0, (0.0, 200.0));
        assert!(matches!(far[..], [(1, (276.0, 50.0), TextAnchor::Right)]));
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
        let palette = Palette::new([("Teacher".to_string(), None), ("Student".to_string(), Some(0))]);
        let svg = figure.svg(&palette).unwrap();
        for text in ["Quality against size", "Teacher", "Student", "parameters", "H@5", "1M", "0.48"] {
            assert!(svg.contains(&format!(">\n{text}\n<")), "{text}: {svg}");
        }
        assert_eq!(svg, figure.svg(&palette).unwrap());
    }
}
