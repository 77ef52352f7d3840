//! A figure as it stands in a report.

/// A figure and what it shows.
pub(super) struct Figure {
    /// Name of its file.
    pub file: String,
    /// What it shows, in Markdown.
    pub caption: String,
    /// The drawing.
    pub svg: String,
}

/// File of the figure that stands at the head of a report.
pub(super) const QUALITY: &str = "quality.svg";

/// Begins the names of the figures that stand in the section on periods.
pub(super) const OF_PERIODS: &str = "periods-";

/// File of the figure of the cells that methods report, which stands below the table of facts.
pub(super) const ARCHITECTURES: &str = "architectures.svg";
