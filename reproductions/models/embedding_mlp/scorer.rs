//! A trained Embedding&MLP as something that scores.

use std::sync::Arc;

use harness::data::ItemCategories;
use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::queries::Queries;
use harness::simd::dispatch;
use harness::split::UserItems;
use harness::weights::Weights;
use pulp::{Simd, WithSimd};

use super::kernel::{add, average};
use super::layers::{LANES, SampleLanes, add_to_lanes, linear, relu};
use super::sizes::EmbeddingMlpSizes;
use super::tensors::EmbeddingMlpTensors;

/// The model as it is served. What the first layer makes of an item is computed once; pooling and the layers are part of what
/// an answer costs.
pub struct EmbeddingMlpScorer {
    sizes: EmbeddingMlpSizes,
    /// By asker: the row of its user.
    users: Vec<f32>,
    histories: Arc<UserItems>,
    /// Vectors of the items.
    entities: Vec<f32>,
    layers: [Vec<f32>; 6],
    /// Blocks of [`LANES`] items: their part of the first layer, `[hidden, LANES]`.
    items: Vec<SampleLanes>,
}

impl EmbeddingMlpScorer {
    /// A scorer for users at the moment of impressions.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if the askers are others, or the model has no row for a user, an item or a category;
    /// [`Internal`](Kind::Internal) if the weights are not of an Embedding&MLP.
    pub fn new(weights: &Weights, queries: &Queries) -> Result<Self> {
        let sizes = EmbeddingMlpSizes::of(weights)?;
        let tensors = weights.parameters.iter().map(|parameter| &parameter.values[..]);
        let EmbeddingMlpTensors { user, item, category, layers } = EmbeddingMlpTensors::of(&sizes, tensors, &[][..]);
        let dim = sizes.dim;
        let (ids, histories) = (queries.users().ok_or_else(no_impressions)?, queries.inputs());
        within("users", sizes.users, ids.iter().max())?;
        within("items", sizes.items, histories.items().iter().max())?;
        within("items", sizes.items, queries.pairs().iter().map(|pair| &pair.item).max())?;
        let mut users = Vec::with_capacity(ids.len() * dim);
        for &id in ids {
            users.extend_from_slice(&user[id as usize * dim..][..dim]);
        }
        let entities = match (sizes.categories, queries.categories()) {
            (None, _) => item.to_vec(),
            (Some(rows), Some(categories)) => {
                within("categories", rows, categories.all().iter().max())?;
                if categories.n_items() < sizes.items {
                    return Err(Error::new(
                        Kind::Input,
                        "the data has categories for fewer items than the model has rows",
                    )
                    .expected(format!("categories of {} items", sizes.items))
                    .got(format!("of {}", categories.n_items()))
                    .hint("the model was trained on other data"));
                }
                entities(dim, item, category, categories)
            }
            (Some(_), None) => {
                return Err(Error::new(Kind::Input, "the model has a table of categories, and the data has none")
                    .expected("the dataset that the model was trained on"));
            }
        };
        let mut new = Self {
            sizes,
            users,
            histories: histories.clone(),
            entities,
            layers: layers.map(<[f32]>::to_vec),
            items: vec![[0.0; LANES]; sizes.items.div_ceil(LANES) * sizes.hidden[0]],
        };
        let mut items = std::mem::take(&mut new.items);
        dispatch(OfItems { scorer: &new, out: &mut items });
        new.items = items;
        Ok(new)
    }
}

fn no_impressions() -> Error {
    Error::new(Kind::Input, "Embedding&MLP answers users at the moment of an impression")
        .expected("a split rule that makes labelled samples")
        .got("queries without users")
}

/// Refuses ids that are not among the first `rows`.
fn within(what: &str, rows: usize, largest: Option<&u32>) -> Result<()> {
    match largest {
        Some(&largest) if largest as usize >= rows => {
            Err(Error::new(Kind::Input, format!("the model has no rows for some {what} that it is asked about"))
                .expected(format!("{what} below {rows}"))
                .got(largest.to_string())
                .hint("it was trained on other data"))
        }
        _ => Ok(()),
    }
}

/// `[items, 2·dim]`: the row of an item, and the mean of its category rows.
fn entities(dim: usize, item: &[f32], category: &[f32], categories: &ItemCategories) -> Vec<f32> {
    let mut entities = vec![0.0; 2 * item.len()];
    for (number, (entity, row)) in entities.chunks_exact_mut(2 * dim).zip(item.chunks_exact(dim)).enumerate() {
        let (own, mean) = entity.split_at_mut(dim);
        own.copy_from_slice(row);
        let of_item = categories.of(number as u32);
        of_item.iter().for_each(|&id| add(mean, &category[id as usize * dim..][..dim]));
        average(mean, of_item.len());
    }
    entities
}

/// Part of the first layer that items make, block by block.
struct OfItems<'a> {
    scorer: &'a EmbeddingMlpScorer,
    out: &'a mut [SampleLanes],
}

impl WithSimd for OfItems<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1>(simd),
            8 => self.run::<S, 2>(simd),
            4 => self.run::<S, 4>(simd),
            _ => self.run::<S, LANES>(simd),
        }
    }
}

impl OfItems<'_> {
    #[inline(always)]
    fn run<S: Simd, const REGS: usize>(self, simd: S) {
        let EmbeddingMlpScorer { sizes, entities, layers, .. } = self.scorer;
        let (width, hidden) = (sizes.entity(), sizes.hidden[0]);
        let weights = &layers[0][(sizes.input() - width) * hidden..];
        let none = vec![0.0; hidden];
        let mut input = vec![[0.0; LANES]; width];
        for (entities, out) in entities.chunks(LANES * width).zip(self.out.chunks_exact_mut(hidden)) {
            for (lane, entity) in entities.chunks_exact(width).enumerate() {
                for (input, value) in input.iter_mut().zip(entity) {
                    input[lane] = *value;
                }
            }
            linear::<S, REGS>(simd, weights, &none, &input, out);
        }
    }
}

/// The layers after what asker and item made of the first.
struct Answer<'a, F> {
    scorer: &'a EmbeddingMlpScorer,
    query: u32,
    /// Writes the items' part of the first layer for the items from a place on, `[hidden, LANES]`.
    items: F,
    out: &'a mut [f32],
}

impl<F: Fn(usize, &mut [SampleLanes])> WithSimd for Answer<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1>(simd),
            8 => self.run::<S, 2>(simd),
            4 => self.run::<S, 4>(simd),
            _ => self.run::<S, LANES>(simd),
        }
    }
}

impl<F: Fn(usize, &mut [SampleLanes])> Answer<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const REGS: usize>(self, simd: S) {
        let EmbeddingMlpScorer { sizes, users, histories, entities, layers, .. } = self.scorer;
        let (dim, width, [first, second]) = (sizes.dim, sizes.entity(), sizes.hidden);
        let mut input = vec![0.0; dim + width];
        let (user, pooled) = input.split_at_mut(dim);
        user.copy_from_slice(&users[self.query as usize * dim..][..dim]);
        let history = histories.of(self.query);
        for &item in history {
            add(pooled, &entities[item as usize * width..][..width]);
        }
        average(pooled, history.len());
        let mut asker = layers[1].clone();
        for (x, weights) in input.iter().zip(layers[0].chunks_exact(first)) {
            for (sum, weight) in asker.iter_mut().zip(weights) {
                *sum = weight.mul_add(*x, *sum);
            }
        }
        let mut hidden = [first, second].map(|n| vec![[0.0; LANES]; n]);
        let mut logit = [[0.0; LANES]];
        for (block, out) in self.out.chunks_mut(LANES).enumerate() {
            let [first, second] = &mut hidden;
            (self.items)(block * LANES, first);
            add_to_lanes::<S, REGS>(simd, &asker, first);
            relu::<S, REGS>(simd, first);
            linear::<S, REGS>(simd, &layers[2], &layers[3], first, second);
            relu::<S, REGS>(simd, second);
            linear::<S, REGS>(simd, &layers[4], &layers[5], second, &mut logit);
            out.copy_from_slice(&logit[0][..out.len()]);
        }
    }
}

impl Scorer for EmbeddingMlpScorer {
    fn n_items(&self) -> usize {
        self.sizes.items
    }

    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        assert_eq!(items.len(), out.len(), "a score for each item");
        let hidden = self.sizes.hidden[0];
        let part = |start: usize, first: &mut [SampleLanes]| {
            for (lane, &item) in items[start..].iter().take(LANES).enumerate() {
                let (block, from) = (item as usize / LANES * hidden, item as usize % LANES);
                for (first, of_item) in first.iter_mut().zip(&self.items[block..]) {
                    first[lane] = of_item[from];
                }
            }
        };
        dispatch(Answer { scorer: self, query, items: part, out });
    }

    fn score_all(&self, query: u32, out: &mut [f32]) {
        assert_eq!(out.len(), self.sizes.items, "a score for each item");
        let hidden = self.sizes.hidden[0];
        let part = |start: usize, first: &mut [SampleLanes]| {
            first.copy_from_slice(&self.items[start / LANES * hidden..][..hidden]);
        };
        dispatch(Answer { scorer: self, query, items: part, out });
    }
}
