//! A metric over periods: our lines with whiskers, and the published lines of the same trials in the same colours.

use super::Palette;
use super::axis::{Axis, Tick};
use super::frame::{self, Across, PanelFrame};
use super::legend::{LegendEntry, LegendKey};
use super::palette::{Colour, INK};
use crate::error::Result;

/// A figure of one metric over periods. Its panels share the scale of both axes, so that heights can be compared.
pub struct PeriodPlot {
    pub title: String,
    /// Legend of the whiskers of our lines; `None` if there are none.
    pub whiskers: Option<String>,
    /// Legend of the dashed lines; `None` if there are none.
    pub published: Option<String>,
    pub panels: Vec<PeriodPanel>,
}

/// A panel of lines over periods.
pub struct PeriodPanel {
    pub title: String,
    pub lines: Vec<PeriodLine>,
}

/// The values of a trial over periods, ours or published.
pub struct PeriodLine {
    pub label: String,
    pub published: bool,
    /// (period, value, half the length of its whisker), periods ascending.
    pub points: Vec<(f64, f64, Option<f64>)>,
}

/// Height of a panel, in pixels.
const HIGH: f64 = 330.0;
/// Length of a dash and of the gap behind it, in pixels.
const DASHES: (f64, f64) = (7.0, 4.5);
/// Half the width of a whisker's end, in pixels.
const CAP: f64 = 3.0;

impl PeriodPlot {
    /// The figure as SVG text.
    ///
    /// # Errors
    /// [`Internal`](crate::error::Kind::Internal) if plotters fails.
    pub fn svg(&self, palette: &Palette) -> Result<String> {
        let lines = self.panels.iter().flat_map(|panel| &panel.lines);
        let points: Vec<_> = lines.flat_map(|line| &line.points).collect();
        let ends = |(_, value, half): &&(f64, f64, Option<f64>)| {
            let half = half.unwrap_or(0.0);
            [value - half, value + half]
        };
        let values: Vec<f64> = points.iter().flat_map(ends).collect();
        let periods = points.iter().map(|(period, ..)| *period);
        let (first, last) = periods.fold((1.0, 1.0), |(first, last): (f64, f64), p| (first.min(p), last.max(p)));
        let mut across = Across::linear((first - 0.5, last + 0.5), 1, "period");
        // Every period has its own line and number.
        let (first, last) = (first as u64, last as u64);
        across.labels = (first..=last)
            .map(|period| Tick { at: across.axis.at(period as f64), label: period.to_string() })
            .collect();
        across.rules = across.labels.iter().map(|tick| tick.at).collect();
        let size = (self.panels.len(), HIGH);
        frame::panels(&self.title, &self.legend(palette), &across, size, |index, place| {
            self.panels[index].draw(place, &values, palette)
        })
    }

    /// An entry for each trial, then what whiskers and dashes show.
    fn legend(&self, palette: &Palette) -> Vec<LegendEntry> {
        let mut entries = Vec::<LegendEntry>::new();
        for line in self.panels.iter().flat_map(|panel| &panel.lines) {
            if entries.iter().all(|entry| entry.text != line.label) {
                let key = LegendKey::Through(palette.colour(&line.label));
                entries.push(LegendEntry { key, text: line.label.clone() });
            }
        }
        let whiskers =
            self.whiskers.iter().map(|text| LegendEntry { key: LegendKey::Through(INK), text: text.clone() });
        let published =
            self.published.iter().map(|text| LegendEntry { key: LegendKey::Dashed(INK), text: text.clone() });
        entries.into_iter().chain(whiskers).chain(published).collect()
    }
}

impl PeriodPanel {
    /// `values` are those of all panels.
    fn draw(&self, place: &PanelFrame, values: &[f64], palette: &Palette) -> Result<()> {
        let axis = Axis::linear(values.iter().copied(), (place.lower, place.upper), 6);
        place.frame(&self.title, &axis)?;
        // Published ones first: they lie under ours.
        for published in [true, false] {
            for line in self.lines.iter().filter(|line| line.published == published) {
                line.draw(place, &axis, palette.colour(&line.label))?;
            }
        }
        Ok(())
    }
}

impl PeriodLine {
    fn draw(&self, place: &PanelFrame, axis: &Axis, colour: Colour) -> Result<()> {
        let canvas = place.canvas;
        let at = |(x, y, _): &(f64, f64, Option<f64>)| (place.across.axis.at(*x), axis.at(*y));
        let line: Vec<_> = self.points.iter().map(at).collect();
        if self.published {
            canvas.dashes(&line, DASHES, colour, 1.1)?;
            return line.into_iter().try_for_each(|point| canvas.ring(point, 3.0, colour));
        }
        canvas.line(&line, colour, 1.0, 1.8)?;
        for (point, (x, y)) in self.points.iter().zip(line) {
            if let (_, value, Some(half)) = point {
                let (low, high) = (axis.at(value - half), axis.at(value + half));
                canvas.line(&[(x, low), (x, high)], colour, 0.6, 1.2)?;
                for end in [low, high] {
                    canvas.line(&[(x - CAP, end), (x + CAP, end)], colour, 0.6, 1.2)?;
                }
            }
            canvas.mark(super::canvas::Mark::Disc, (x, y), 2.8, colour)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_every_period_and_draws_ours_over_what_was_published() {
        let line = |published, last: u32| PeriodLine {
            label: "ADER".into(),
            published,
            points: (1..=last)
                .map(|p| (f64::from(p), 0.5 + 0.01 * f64::from(p % 3), (!published).then_some(0.01)))
                .collect(),
        };
        let figure = PeriodPlot {
            title: "Week by week".into(),
            whiskers: Some("ours: mean ± sd".into()),
            published: Some("published".into()),
            panels: vec![PeriodPanel { title: "recall@20".into(), lines: vec![line(false, 4), line(true, 16)] }],
        };
        let palette = Palette::apart([("ADER".to_string(), Some(0))]);
        let svg = figure.svg(&palette).unwrap();
        for text in ["Week by week", "recall@20", "period", "1", "16", "ours: mean ± sd", "published"] {
            assert_eq!(svg.matches(&format!(">\n{text}\n<")).count(), 1, "{text}: {svg}");
        }
        assert_eq!(svg.matches(">\nADER\n<").count(), 1, "{svg}");
        // Rings: 16 and one in the legend, each with a white middle; discs: 4, two in the legend, with a white edge.
        assert_eq!(svg.matches("<circle").count(), 2 * 17 + 2 * 6, "{svg}");
        assert_eq!(svg, figure.svg(&palette).unwrap());
    }
}
