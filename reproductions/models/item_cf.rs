//! ItemCF: cosine similarity of items over the users that they share.
//!
//! S_ij = |users of i and j| / √(|users of i| · |users of j|), S_ii = 0;
//! score(u, i) = Σ_{j ∈ I_u} S_ij. (Sarwar et al., WWW 2001.)

use harness::error::Result;
use harness::meter::Phase;
use harness::method::{Built, Method, Params, Trained};
use harness::metrics::Scorer;
use harness::split::UserItems;
use harness::train::Context;
use harness::value::Limit;
use harness::weights::Parameter;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

/// Hyper-parameters of ItemCF.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ItemCf {
    /// Most similar items kept per item.
    neighbours: Limit,
}

pub fn build(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<ItemCf>()?))
}

impl Method for ItemCf {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let seen = cx.seen();
        let n_items = cx.split().n_items;
        let similar = cx.meter.time(Phase::ForwardBackward, || Similarity::new(seen, n_items, self.neighbours));
        // What training found out; which items the values belong to is structure, not counted.
        let parameters = vec![Parameter {
            name: "similarity".into(),
            shape: vec![similar.values.len()],
            values: similar.values.clone(),
        }];
        Ok(Trained {
            scorer: Box::new(ItemCfScorer { similar, histories: seen.clone() }),
            weights: parameters.into(),
            meta: None,
            selected: None,
            periods: Vec::new(),
        })
    }
}

/// A sparse item-item matrix: row `j` lists the items similar to `j`, ascending.
struct Similarity {
    offsets: Vec<usize>,
    neighbours: Vec<u32>,
    values: Vec<f32>,
}

impl Similarity {
    fn new(seen: &UserItems, n_items: usize, keep: Limit) -> Self {
        let pairs: Vec<(u32, u32)> = seen.pairs().map(|(user, item)| (item, user)).collect();
        let users_of = UserItems::from_pairs(n_items, &pairs);
        let rows: Vec<Vec<(u32, f32)>> = (0..n_items as u32)
            .into_par_iter()
            .map_init(|| vec![0u32; n_items], |shared, item| Self::row(seen, &users_of, item, keep, shared))
            .collect();
        let mut new = Self { offsets: vec![0], neighbours: Vec::new(), values: Vec::new() };
        for row in rows {
            new.neighbours.extend(row.iter().map(|&(item, _)| item));
            new.values.extend(row.iter().map(|&(_, value)| value));
            new.offsets.push(new.values.len());
        }
        new
    }

    /// Similarities of `item`, ascending by id. `shared` is all zeros before and after.
    fn row(seen: &UserItems, users_of: &UserItems, item: u32, keep: Limit, shared: &mut [u32]) -> Vec<(u32, f32)> {
        let mut touched = Vec::new();
        for &user in users_of.of(item) {
            for &other in seen.of(user) {
                if other != item {
                    if shared[other as usize] == 0 {
                        touched.push(other);
                    }
                    shared[other as usize] += 1;
                }
            }
        }
        let mine = users_of.of(item).len() as f64;
        let mut row: Vec<(u32, f32)> = touched
            .into_iter()
            .map(|other| {
                let both = std::mem::take(&mut shared[other as usize]);
                let theirs = users_of.of(other).len() as f64;
                (other, (f64::from(both) / (mine * theirs).sqrt()) as f32)
            })
            .collect();
        if let Limit::At(keep) = keep
            && row.len() > keep
        {
            row.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            row.truncate(keep);
        }
        row.sort_by_key(|&(other, _)| other);
        row
    }

    fn of(&self, item: u32) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.offsets[item as usize]..self.offsets[item as usize + 1];
        self.neighbours[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }
}

struct ItemCfScorer {
    similar: Similarity,
    histories: UserItems,
}

impl Scorer for ItemCfScorer {
    fn n_items(&self) -> usize {
        self.similar.offsets.len() - 1
    }

    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        let mut all = vec![0.0; self.n_items()];
        self.score_all(query, &mut all);
        for (score, &item) in out.iter_mut().zip(items) {
            *score = all[item as usize];
        }
    }

    fn score_all(&self, query: u32, out: &mut [f32]) {
        out.fill(0.0);
        for &item in self.histories.of(query) {
            for (other, value) in self.similar.of(item) {
                out[other as usize] += value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, rows};

    /// The vector `pop_and_itemcf` of tests/golden/rd.json.
    #[test]
    fn agrees_with_the_reference_vector() {
        let case = case("rd.json", "pop_and_itemcf");
        let train = rows(&case["inputs"]["binary_train_matrix_users_by_items"]);
        let pairs: Vec<(u32, u32)> = (0..train.len())
            .flat_map(|u| (0..train[u].len()).map(move |i| (u, i)))
            .filter(|&(u, i)| train[u][i] > 0.0)
            .map(|(u, i)| (u as u32, i as u32))
            .collect();
        let histories = UserItems::from_pairs(train.len(), &pairs);
        let n_items = train[0].len();
        let similar = Similarity::new(&histories, n_items, Limit::All);
        for (i, row) in rows(&case["expected"]["similarity"]).iter().enumerate() {
            let ours: std::collections::BTreeMap<u32, f32> = similar.of(i as u32).collect();
            for (j, want) in row.iter().enumerate() {
                let got = f64::from(ours.get(&(j as u32)).copied().unwrap_or(0.0));
                assert!((got - want).abs() < 1e-6, "S[{i}][{j}]: {got} {want}");
            }
        }
        let model = ItemCfScorer { similar, histories };
        for (user, row) in rows(&case["expected"]["itemcf_scores"]).iter().enumerate() {
            let mut scores = vec![0.0; n_items];
            model.score_all(user as u32, &mut scores);
            let mut same = vec![0.0; 2];
            model.score(user as u32, &[n_items as u32 - 1, 0], &mut same);
            assert_eq!(same, [scores[n_items - 1], scores[0]]);
            assert_near(&scores, row, 1e-6, format!("user {user}"));
        }
    }

    #[test]
    fn a_cut_keeps_the_most_similar_and_the_lower_id_of_equals() {
        // Item 0 shares both of its users with 1, one with 2 and one with 3.
        let histories = UserItems::from_pairs(3, &[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 3), (2, 2), (2, 3)]);
        let kept =
            |keep| -> Vec<u32> { Similarity::new(&histories.sorted(), 4, keep).of(0).map(|(item, _)| item).collect() };
        assert_eq!(kept(Limit::All), [1, 2, 3]);
        assert_eq!(kept(Limit::At(2)), [1, 2]);
        assert_eq!(kept(Limit::At(1)), [1]);
    }
}
