//! Herding (Welling, ICML 2009): rows whose mean stays near the mean of all.

/// When herding ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// When `m` rows are kept, or after 1.1 · m picks. A row that is picked again costs a pick and is not kept
    /// twice, so the result may have fewer than `m` (code).
    Capped,
    /// When `m` rows are kept, each picked among those not kept yet: the paper's algorithm has no cap, and one
    /// without a cap that picks rows again may never end.
    Exact,
}

/// Positions of up to `m` of the `rows`, each `stride` long with `dim` values, in the order in which they are picked.
///
/// Rows are scaled to length 1, μ is their mean; from w = μ on, the pick is the first row with the largest ⟨w, row⟩,
/// and w ← w + μ − row. For rows of length 1 this is the rule of iCaRL that the paper prints.
pub fn herd(rows: &[f32], stride: usize, dim: usize, m: usize, end: End) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    picks(rows, stride, dim, m, end, |row| {
        if !kept.contains(&row) {
            kept.push(row);
        }
        kept.len()
    });
    kept
}

/// Shows every pick to `keep`, which says how many rows are kept.
fn picks(rows: &[f32], stride: usize, dim: usize, m: usize, end: End, mut keep: impl FnMut(usize) -> usize) {
    let n = rows.len() / stride;
    let wanted = m.min(n);
    let mut units = Vec::with_capacity(n * dim);
    for row in rows.chunks_exact(stride) {
        let row = row[..dim].iter().map(|v| f64::from(*v));
        let length = row.clone().map(|v| v * v).sum::<f64>().sqrt();
        units.extend(row.map(|v| v / length));
    }
    let mut mean = vec![0.0; dim];
    for unit in units.chunks_exact(dim) {
        mean.iter_mut().zip(unit).for_each(|(mean, v)| *mean += v / n as f64);
    }
    let mut w = mean.clone();
    let mut taken = vec![false; n];
    let (mut kept, mut steps) = (0, 0);
    // As the authors' code compares: in f64, so that 1.1 · 10 is a little more than 11.
    while kept < wanted && (end == End::Exact || (steps as f64) < 1.1 * m as f64) {
        let mut best: Option<(usize, f64)> = None;
        for (row, unit) in units.chunks_exact(dim).enumerate() {
            if end == End::Exact && taken[row] {
                continue;
            }
            let along: f64 = w.iter().zip(unit).map(|(w, v)| w * v).sum();
            // What is not a number never wins, unless nothing else is there.
            if best.is_none_or(|(_, most)| along > most) {
                best = Some((row, along));
            }
        }
        let Some((row, _)) = best else { break };
        taken[row] = true;
        kept = keep(row);
        steps += 1;
        let unit = &units[row * dim..][..dim];
        w.iter_mut().zip(&mean).zip(unit).for_each(|((w, mean), v)| *w += mean - v);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, floats, ids};
    use serde_json::Value;

    fn positions(value: &Value) -> Vec<usize> {
        ids(value).into_iter().map(|id| id as usize).collect()
    }

    fn check(rows: &Value, m: usize, expected: &Value) {
        let dim = rows[0].as_array().unwrap().len();
        let rows = floats(rows);
        assert_eq!(herd(&rows, dim, dim, m, End::Capped), positions(&expected["selected"]), "m = {m}");
        let (mut all, mut kept) = (Vec::new(), std::collections::BTreeSet::new());
        picks(&rows, dim, dim, m, End::Capped, |row| {
            all.push(row);
            kept.insert(row);
            kept.len()
        });
        assert_eq!(all, positions(&expected["all_picks"]), "m = {m}");
    }

    #[test]
    fn picks_agree_with_the_reference() {
        let case_ = case("ader.json", "herding");
        for result in case_["expected"]["results"].as_array().unwrap() {
            check(&case_["inputs"]["rep"], result["m"].as_u64().unwrap() as usize, result);
        }
        let case = case("ader.json", "herding_repeated_pick");
        check(&case["inputs"]["rep"], case["inputs"]["m"].as_u64().unwrap() as usize, &case["expected"]);
    }

    #[test]
    fn without_the_cap_as_many_come_out_as_are_wanted() {
        let case = case("ader.json", "herding_repeated_pick");
        let rows = floats(&case["inputs"]["rep"]);
        let exact = herd(&rows, 2, 2, 4, End::Exact);
        assert_eq!((exact.len(), exact[0]), (4, 4));
        // Equal rows: with the cap the first of them is picked again and again.
        let equal = [1.0, 2.0].repeat(5);
        assert_eq!(herd(&equal, 2, 2, 3, End::Capped), [0]);
        assert_eq!(herd(&equal, 2, 2, 3, End::Exact), [0, 1, 2]);
        assert_eq!(herd(&equal, 2, 2, 9, End::Exact).len(), 5, "no more than there are");
        assert!(herd(&[], 2, 2, 3, End::Exact).is_empty());
        // Rows may have padding.
        let wide: Vec<f32> = rows.chunks(2).flat_map(|row| [row[0], row[1], 9.0]).collect();
        assert_eq!(herd(&wide, 3, 2, 4, End::Exact), exact);
    }
}
