//! Axes: a range of values, a range of pixels, and ticks that people would choose.

/// Share of the range left free on both sides of a linear axis.
const MARGIN: f64 = 0.08;

/// An axis: a map from values to pixels, with ticks.
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
    pub ticks: Vec<Tick>,
}

/// A tick of an axis: its pixel and its label.
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
}

impl Axis {
    /// A linear axis that covers `values` on the pixels `from` to `to` (either way round), with about `ticks` ticks.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>, (from, to): (f64, f64), ticks: usize) -> Self {
        let (low, high) = extent(values.into_iter().map(drawable));
        // A single value, or equal ones, still need a range to stand in.
        let margin = if high > low { MARGIN * (high - low) } else { (0.05 * low.abs()).max(0.5e-3) };
        Self::linear_within((low - margin, high + margin), (from, to), ticks)
    }

    /// A linear axis from `low` to `high` on the pixels `from` to `to` (either way round), with about `ticks` ticks.
    pub(super) fn linear_within((low, high): (f64, f64), (from, to): (f64, f64), ticks: usize) -> Self {
        let (low, high) = (drawable(low), drawable(high));
        // Closer together than numbers of this size are told apart: any range will do.
        let apart = high - low > 1e-12 * low.abs().max(high.abs()).max(LEAST);
        let high = if apart { high } else { low + low.abs().max(1.0) };
        let step = step((high - low) / ticks.max(1) as f64);
        // The logarithm of a power of ten may fall just below a whole number.
        let decimals = (-(libm::log10(step) + 1e-9).floor()).max(0.0) as usize;
        // Multiples of the step, not sums of it: no rounding gathers.
        let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        let ticks = (first..=last).map(|multiple| {
            let value = multiple as f64 * step;
            (value, format!("{value:.decimals$}"))
        });
        Self::with(low, high, false, (from, to), ticks.collect())
    }

    /// A logarithmic axis that covers the positive ones of `values` on the pixels `from` to `to` (either way round).
    pub(super) fn log(values: impl IntoIterator<Item = f64>, (from, to): (f64, f64)) -> Self {
        let (low, high) = extent(values.into_iter().map(drawable).filter(|value| *value > 0.0));
        let decades = libm::log10(high / low);
        let margin = libm::exp10((MARGIN * decades).max(0.08));
        let (low, high) = (low / margin, high * margin);
        // Few decades need ticks between the powers of ten.
        let multiples: &[f64] = if decades > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = libm::log10(low).floor() as i32..=libm::log10(high).ceil() as i32;
        // A tick at every power of ten, or at every second, third, … where there are many.
        let every = (decades / MOST_DECADES).ceil().max(1.0) as usize;
        let ticks = powers
            .step_by(every)
            .flat_map(|power| multiples.iter().map(move |multiple| multiple * libm::exp10(f64::from(power))));
        let ticks = ticks.filter(|value| low <= *value && *value <= high).map(|value| (value, short(value)));
        Self::with(low, high, true, (from, to), ticks.collect())
    }

    fn with(low: f64, high: f64, log: bool, (from, to): (f64, f64), ticks: Vec<(f64, String)>) -> Self {
        let mut axis = Self { low, high, log, from, to, ticks: Vec::new() };
        axis.ticks = ticks.into_iter().map(|(value, label)| Tick { at: axis.at(value), label }).collect();
        axis
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            libm::log(value / self.low) / libm::log(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }
}

/// Largest number of powers of ten that a logarithmic axis labels.
const MOST_DECADES: f64 = 12.0;

/// The smallest and largest numbers that are drawn: within them differences, steps and powers of ten stay finite, and every
/// real measurement lies within them.
const LEAST: f64 = 1e-100;
const MOST: f64 = 1e100;

fn drawable(value: f64) -> f64 {
    if value.abs() < LEAST { 0.0 } else { value.clamp(-MOST, MOST) }
}

fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low <= high { (low, high) } else { (1.0, 1.0) }
}

/// 1, 2 or 5 times a power of ten: the one whose ratio to `wanted` is nearest 1.
fn step(wanted: f64) -> f64 {
    let power = libm::exp10(libm::log10(wanted).floor());
    let multiple = match wanted / power {
        ratio if ratio < 2f64.sqrt() => 1.0,
        ratio if ratio < 10f64.sqrt() => 2.0,
        ratio if ratio < 50f64.sqrt() => 5.0,
        _ => 10.0,
    };
    multiple * power
}

/// The label of a tick, such as 0.5, 20, 5k or 2M.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    // 12 digits: enough for a tick, too few for the error of a power of ten to show.
    let rounded: f64 = format!("{value:.11e}").parse().expect("Rust parses the numbers that it prints");
    format!("{rounded}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An edited record may hold such numbers: the axis has few ticks, all at finite positions.
    #[test]
    fn numbers_beyond_all_measure_are_drawn_at_the_edge() {
        for values in [[5e-324, 1e308], [1e308, -1e308], [0.0, 5e-324], [1.0, 1e308], [1e15, 1e15 + 0.125]] {
            for axis in [Axis::linear(values, (0.0, 100.0), 5), Axis::log(values, (0.0, 100.0))] {
                assert!(axis.ticks.len() < 20, "{values:?}: {} ticks", axis.ticks.len());
                assert!(axis.ticks.iter().all(|tick| tick.at.is_finite() && tick.label.len() < 130), "{values:?}");
            }
        }
    }

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| &*tick.label).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(&Axis::linear([0.4441, 0.5135], (0.0, 200.0), 4)), ["0.44", "0.46", "0.48", "0.50"]);
        assert_eq!(labels(&Axis::linear_within((0.0, 397.0), (0.0, 200.0), 4)), ["0", "100", "200", "300"]);
        assert_eq!(labels(&Axis::linear_within((-0.1, 0.1), (0.0, 200.0), 2)), ["-0.1", "0.0", "0.1"]);
    }

    #[test]
    fn log_ticks_are_round() {
        assert_eq!(labels(&Axis::log([25.0, 706.0], (0.0, 1.0))), ["20", "50", "100", "200", "500"]);
        assert_eq!(labels(&Axis::log([608_040.0, 6_080_400.0], (0.0, 1.0))), ["1M", "2M", "5M"]);
        assert_eq!(labels(&Axis::log([0.02, 2000.0], (0.0, 1.0))), ["0.01", "0.1", "1", "10", "100", "1k"]);
    }

    #[test]
    fn maps_values_to_pixels() {
        let axis = Axis::linear_within((1.0, 3.0), (10.0, 110.0), 2);
        assert_eq!([axis.at(1.0), axis.at(2.0), axis.at(3.0)], [10.0, 60.0, 110.0]);
        let axis = Axis::log([1.0, 100.0], (200.0, 0.0));
        assert!((axis.at(10.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn equal_values_have_room() {
        let axis = Axis::linear([0.3, 0.3], (0.0, 100.0), 4);
        assert!((axis.at(0.3) - 50.0).abs() < 1e-9);
        assert!((Axis::linear([0.0], (0.0, 100.0), 4).at(0.0) - 50.0).abs() < 1e-9);
    }
}
