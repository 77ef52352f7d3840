//! Which of our trials stands beside which row of a published table.

/// Rows and columns of one published table, and what of ours belongs beside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Id of the table in `published.toml`.
    pub table: String,
    /// (name of the published row, our trial)
    pub rows: Vec<(String, String)>,
    /// (published column, our metric)
    pub columns: Vec<(String, String)>,
    /// Digits behind the point in print: the published value is known to half a unit of the last.
    pub decimals: u32,
    /// Effects to compare: (a, b) of the published rows, the effect is a − b.
    pub effects: Vec<(String, String)>,
    /// Why the figures cannot be judged (other data, other protocol), where they cannot.
    pub not_comparable: Option<String>,
}

impl Comparison {
    /// Half a unit of the last printed digit.
    pub fn rounding(&self) -> f64 {
        // Divided, because 10⁻ⁿ itself is not exact.
        0.5 / 10f64.powi(self.decimals.try_into().unwrap_or(i32::MAX))
    }
}
