//! Published values over all periods, to lay ours over.

use super::Published;
use crate::error::Result;
use crate::spec::{Columns, Comparison};

/// The published values of a row over all periods, tested or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Course<'a> {
    pub trial: &'a str,
    /// (period, value in our unit), without those that were left empty.
    pub points: Vec<(usize, f64)>,
}

/// The courses of a comparison of periods, row by row; none of another.
///
/// # Errors
/// [`Input`](Kind::Input) if there is no such table or row, with a suggestion.
pub fn courses<'a>(comparison: &'a Comparison, published: &Published) -> Result<Vec<Course<'a>>> {
    let Columns::Periods { .. } = comparison.columns else { return Ok(Vec::new()) };
    let table = published.table(&comparison.table)?;
    let course = |(row, trial): &'a (String, String)| {
        let values = published.row(table, row)?.values.iter().enumerate();
        let points = values.filter_map(|(index, printed)| Some((index + 1, comparison.value((*printed)?))));
        Ok(Course { trial, points: points.collect() })
    };
    comparison.rows.iter().map(course).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::cell::tests::comparison;
    use crate::compare::column::tests::of_weeks;
    use crate::compare::published::tests::small;

    #[test]
    fn courses_have_every_published_period() {
        let weeks = of_weeks();
        let theirs = courses(&weeks, &small()).unwrap();
        let course = |trial: &'static str, points: &[(usize, f64)]| Course { trial, points: points.to_vec() };
        let [teacher, student] = [[(1, 0.5), (2, 0.52), (3, 0.6)].as_slice(), &[(1, 0.4), (3, 0.44)]];
        assert_eq!(theirs, [course("teacher", teacher), course("student", student)]);
        let plain = comparison();
        assert_eq!(courses(&plain, &small()).unwrap(), []);
    }
}
