//! The colours of figures, which colour-blind readers can tell apart too.

/// A colour: red, green, blue.
pub type Colour = (u8, u8, u8);

/// The colours of methods, after Paul Tol's muted scheme ("Colour Schemes", 2021) and Okabe and Ito's, for colour-blind
/// readers. Pale ones are darkened until each stands out from white, and so from black in the dark scheme of the HTML page,
/// which inverts figures.
const COLOURS: [Colour; 10] = [
    (51, 34, 136),
    (204, 102, 119),
    (150, 115, 0),
    (0, 128, 112),
    (17, 119, 51),
    (136, 34, 85),
    (170, 68, 153),
    (0, 114, 178),
    (122, 122, 30),
    (213, 94, 0),
];
/// The colour of teachers, whatever their method.
const TEACHER: Colour = (102, 102, 102);

/// The colour of published and logged figures.
pub(super) const PUBLISHED: Colour = (0, 0, 0);
/// The colour of text and axes.
pub(super) const INK: Colour = (51, 51, 51);
/// The colour of lines from a mark to its label.
pub(super) const LEADER: Colour = (170, 170, 170);
/// The colour of grid lines.
pub(super) const GRID: Colour = (225, 225, 225);

/// Dashes and gaps of operations, in pixels; `None` is unbroken.
const PATTERNS: [Option<(f64, f64)>; 3] = [None, Some((6.0, 3.5)), Some((1.8, 2.2))];

/// Index of colour and of pattern of the first ten operations. Colours that look alike to colour-blind readers have other
/// patterns: those of one pattern differ by 18 or more (CIE 1976 colour difference) for protans and deutans.
const OPERATIONS: [(usize, usize); 10] =
    [(7, 0), (9, 1), (6, 2), (4, 0), (0, 1), (8, 2), (5, 0), (3, 1), (1, 2), (2, 0)];

/// How the edges of one operation of a cell are drawn.
pub(super) struct OperationStyle {
    pub colour: Colour,
    /// Lengths of dash and gap, in pixels; `None` for an unbroken line.
    pub pattern: Option<(f64, f64)>,
}

impl OperationStyle {
    /// The style of the operation with this index among those of a figure; the first thirty have different ones.
    pub fn of(index: usize) -> Self {
        let (colour, pattern) = OPERATIONS[index % OPERATIONS.len()];
        let pattern = (pattern + index / OPERATIONS.len()) % PATTERNS.len();
        Self { colour: COLOURS[colour], pattern: PATTERNS[pattern] }
    }
}

/// A colour for each label: that of its method, which is the same in all figures of all reports.
pub struct Palette(Vec<(String, Colour)>);

impl Palette {
    /// A palette for trials: label, and index of the method among all methods; `None` for a teacher.
    pub fn new(trials: impl IntoIterator<Item = (String, Option<usize>)>) -> Self {
        let colour = |method: Option<usize>| method.map_or(TEACHER, |index| COLOURS[index % COLOURS.len()]);
        Self(trials.into_iter().map(|(label, method)| (label, colour(method))).collect())
    }

    /// A palette for lines that only their colour tells apart: of trials that share a method, those after the first get
    /// colours that no method of the figure has, as long as there are any. `trials` as in [`new`](Self::new).
    pub fn apart(trials: impl IntoIterator<Item = (String, Option<usize>)>) -> Self {
        let Self(mut colours) = Self::new(trials);
        let used: Vec<Colour> = colours.iter().map(|(_, colour)| *colour).collect();
        let mut free = COLOURS.into_iter().chain([TEACHER]).filter(|colour| !used.contains(colour));
        for (index, (_, colour)) in colours.iter_mut().enumerate() {
            if used[..index].contains(colour) {
                *colour = free.next().unwrap_or(*colour);
            }
        }
        Self(colours)
    }

    pub(super) fn colour(&self, label: &str) -> Colour {
        self.0.iter().find(|(known, _)| known == label).map_or(INK, |(_, colour)| *colour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2).
    fn luminance((r, g, b): Colour) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    }

    #[test]
    fn trials_of_a_method_share_its_colour_unless_they_shall_be_told_apart() {
        let trials = || [("a", Some(2)), ("b", Some(2)), ("c", Some(0)), ("t", None)].map(|(l, m)| (l.to_string(), m));
        let shared = Palette::new(trials());
        assert_eq!(["a", "b", "c", "t"].map(|l| shared.colour(l)), [COLOURS[2], COLOURS[2], COLOURS[0], TEACHER]);
        // The first that is free is the second: the method of `c` has the first.
        let apart = Palette::apart(trials());
        assert_eq!(["a", "b", "c", "t"].map(|l| apart.colour(l)), [COLOURS[2], COLOURS[1], COLOURS[0], TEACHER]);
        let many = Palette::apart((0..12).map(|n| (n.to_string(), Some(0))));
        let distinct: std::collections::BTreeSet<_> = (0..10).map(|n| many.colour(&n.to_string())).collect();
        assert_eq!((distinct.len(), many.colour("10"), many.colour("11")), (10, TEACHER, COLOURS[0]));
    }

    /// CIE 1976 L*a*b* of a colour as readers see it whose vision has this matrix on linear RGB.
    fn seen(vision: [[f64; 3]; 3], (r, g, b): Colour) -> [f64; 3] {
        let linear = [r, g, b].map(|channel| luminance((channel, channel, channel)));
        let dot = |row: [f64; 3], of: [f64; 3]| row[0] * of[0] + row[1] * of[1] + row[2] * of[2];
        let rgb = vision.map(|row| dot(row, linear).clamp(0.0, 1.0));
        let white_d65 = [0.9505, 1.0, 1.089];
        let to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];
        let root = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let [x, y, z] = std::array::from_fn(|axis| root(dot(to_xyz[axis], rgb) / white_d65[axis]));
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// The matrices of normal vision, and of protans and deutans (Machado, Oliveira and Fernandes 2009, severity 1).
    const VISIONS: [[[f64; 3]; 3]; 3] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ];

    #[test]
    fn operations_of_one_pattern_differ_in_colour_for_colour_blind_readers_too() {
        for b in 0..OPERATIONS.len() {
            for a in 0..b {
                let styles = [a, b].map(OperationStyle::of);
                if styles[0].pattern == styles[1].pattern {
                    for vision in VISIONS {
                        let [p, q] = styles.each_ref().map(|style| seen(vision, style.colour));
                        let difference = p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
                        assert!(difference >= 18.0, "{a} and {b}: {difference}");
                    }
                }
            }
        }
        let style = |index| OperationStyle::of(index);
        let distinct: std::collections::BTreeSet<_> =
            (0..30).map(|n| format!("{:?}", (style(n).colour, style(n).pattern))).collect();
        assert_eq!(distinct.len(), 30);
    }

    #[test]
    fn every_colour_stands_out_from_white_and_from_the_others() {
        let all: Vec<Colour> = COLOURS.into_iter().chain([TEACHER]).collect();
        for (index, colour) in all.iter().enumerate() {
            assert!(1.05 / (luminance(*colour) + 0.05) >= 3.0, "{colour:?}");
            assert!(!all[..index].contains(colour), "{colour:?}");
        }
    }
}
