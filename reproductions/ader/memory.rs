//! The exemplars of the periods so far, with what the model of the last one answers to them.

use harness::error::{Error, Kind, Result};
use harness::nn::padded;
use harness::rng::Stream;
use harness::weights::State;
use rayon::prelude::*;

use super::Kept;
use super::sample::{Sample, sample};
use super::selection::ExemplarCandidates;
use crate::models::sasrec::{SasRecEncoder, Sequences};
use harness::nn::softmax::{ItemTable, OutputSoftmax, TeacherAnswers};

/// The exemplars that a learner carries from period to period, and the last model's answers to them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Inputs of at most L items and then the label.
    lists: Vec<Vec<u32>>,
    /// Items seen until then.
    items: usize,
    /// Where exemplars are distilled.
    answers: Option<Answers>,
}

/// The last period's model as the teacher of the exemplars. The authors keep a vector of logits for each of them, 5 GB
/// together; a representation and one copy of the item table say the same.
#[derive(Clone, Debug, PartialEq)]
struct Answers {
    /// `[exemplars, padded(dim)]`
    representations: Vec<f32>,
    /// ln Σ e^logit of each exemplar.
    normalisers: Vec<f32>,
    /// Rows of the items seen until then, `[items, dim]`.
    table: Vec<f32>,
    dim: usize,
}

/// Names in saved states.
const ITEMS: &str = "exemplars.items";
const LENGTHS: &str = "exemplars.lengths";
const LISTS: &str = "exemplars.lists";

/// The answers to some exemplars.
pub struct DrawnExemplars<'a> {
    representations: Vec<f32>,
    normalisers: Vec<f32>,
    answers: &'a Answers,
}

impl Answers {
    /// The answers of `encoder` to exemplars with these representations, over its first `items` items.
    fn new(encoder: &SasRecEncoder<'_>, items: usize, representations: Vec<f32>) -> Self {
        let dim = encoder.sizes().dim;
        let table = ItemTable { rows: &encoder.items()[..items * dim], dim };
        let normalisers = OutputSoftmax::default().normalisers(table, &representations);
        Self { representations, normalisers, table: table.rows.to_vec(), dim }
    }
}

impl Memory {
    /// Chooses exemplars from `candidates`: the sub-sequences of the period that ends, those that validate too, and
    /// the lists of the memory before (code). Pieces of one item are left out. `encoder` is the model at the end of
    /// the period, its best epoch's; the first `items` of its table have been seen.
    ///
    /// `distils`: whether the teacher's answers are needed. `stream(purpose)` opens the streams that are drawn from.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if a candidate has items beyond those.
    pub fn choose(
        encoder: &SasRecEncoder<'_>,
        items: usize,
        candidates: &[&[u32]],
        kept: &Kept,
        distils: bool,
        stream: impl Fn(&str) -> Stream,
    ) -> Result<Self> {
        let sizes = encoder.sizes();
        let (dim, stride) = (sizes.dim, padded(sizes.dim));
        if !(1..=sizes.items).contains(&items) || candidates.iter().flat_map(|c| *c).any(|&i| i as usize >= items) {
            return Err(Error::new(Kind::Internal, "an exemplar has an item that was never seen"));
        }
        // By label; within a label in the order of the candidates.
        let mut samples: Vec<Sample<'_>> = candidates.iter().filter_map(|c| sample(c, sizes.length)).collect();
        samples.sort_by_key(|sample| sample.label);
        let mut counts = vec![0; items];
        samples.iter().for_each(|sample| counts[sample.label as usize] += 1);
        let quotas = kept.quota.of(&counts, kept.budget.get(), &mut stream("exemplar-quota"));
        let mut draws = stream("exemplar-choice");
        let sequences = Sequences::new(samples.iter().map(|sample| sample.input), sizes.length, items)?;
        let x = encoder.encode(&sequences);
        let losses = match kept.selection.needs_losses() {
            true => {
                let labels: Vec<u32> = samples.iter().map(|sample| sample.label).collect();
                let table = ItemTable { rows: &encoder.items()[..items * dim], dim };
                OutputSoftmax::default().cross_entropies(table, &x, &labels)
            }
            false => vec![0.0; samples.len()],
        };
        let mut start = 0;
        let groups: Vec<_> = samples
            .chunk_by(|a, b| a.label == b.label)
            .map(|group| {
                let at = start..start + group.len();
                start = at.end;
                (at, draws.fork())
            })
            .collect();
        let chosen: Vec<Vec<usize>> = groups
            .into_par_iter()
            .map(|(at, mut stream)| {
                let representations = &x[at.start * stride..at.end * stride];
                let candidates = ExemplarCandidates { representations, stride, dim, losses: &losses[at.clone()] };
                let quota = quotas[samples[at.start].label as usize];
                let positions = kept.selection.of(&candidates, quota, &mut stream);
                positions.into_iter().map(|position| at.start + position).collect()
            })
            .collect();
        let (mut lists, mut representations) = (Vec::new(), Vec::new());
        for position in chosen.into_iter().flatten() {
            let Sample { input, label } = samples[position];
            lists.push(input.iter().copied().chain([label]).collect());
            representations.extend_from_slice(&x[position * stride..][..stride]);
        }
        let answers = distils.then(|| Answers::new(encoder, items, representations));
        Ok(Self { lists, items, answers })
    }

    /// Adds the exemplars to `state`. What the model answers to them, the model knows.
    pub fn save(&self, state: &mut State<'_>) {
        state.counts.insert(ITEMS.into(), self.items as u64);
        state.ids.insert(LENGTHS.into(), self.lists.iter().map(|list| list.len() as u32).collect());
        state.ids.insert(LISTS.into(), self.lists.concat().into());
    }

    /// Takes back what [`save`](Self::save) put. `encoder` is the model that was there when they were chosen.
    ///
    /// # Errors
    /// If it is not of this model.
    pub fn restore(encoder: &SasRecEncoder<'_>, distils: bool, state: &mut State<'_>) -> Result<Self> {
        let broken = || Error::new(Kind::Data, "a saved state has no exemplars of this model");
        let items = state.count(ITEMS)? as usize;
        let [lengths, ids] = [LENGTHS, LISTS].map(|name| state.ids.remove(name).unwrap_or_default().into_owned());
        let (mut lists, mut rest) = (Vec::with_capacity(lengths.len()), &ids[..]);
        for length in lengths {
            let (list, after) = rest.split_at_checked(length as usize).ok_or_else(broken)?;
            lists.push(list.to_vec());
            rest = after;
        }
        if items == 0 && lists.is_empty() {
            return Ok(Self::default());
        }
        let sizes = encoder.sizes();
        let samples: Option<Vec<Sample<'_>>> = lists.iter().map(|list| sample(list, usize::MAX)).collect();
        let samples = samples.filter(|_| rest.is_empty() && (1..=sizes.items).contains(&items)).ok_or_else(broken)?;
        let sequences = Sequences::new(samples.iter().map(|sample| sample.input), sizes.length, items)?;
        let answers = distils.then(|| Answers::new(encoder, items, encoder.encode(&sequences)));
        Ok(Self { lists, items, answers })
    }

    /// Exemplars in store.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The exemplars as sub-sequences: candidates of the next period.
    pub fn lists(&self) -> impl Iterator<Item = &[u32]> {
        self.lists.iter().map(|list| &list[..])
    }

    /// Items that the teacher knew.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Some exemplars, by their positions.
    pub fn samples(&self, positions: &[u32]) -> impl Iterator<Item = Sample<'_>> {
        positions.iter().map(|&k| sample(&self.lists[k as usize], usize::MAX).expect("none is of one item"))
    }

    /// The teacher's answers to them; `None` where nothing is distilled.
    pub fn answers(&self, positions: &[u32]) -> Option<DrawnExemplars<'_>> {
        let answers = self.answers.as_ref()?;
        let stride = padded(answers.dim);
        let representation = |k: usize| &answers.representations[k * stride..][..stride];
        Some(DrawnExemplars {
            representations: positions.iter().flat_map(|&k| representation(k as usize)).copied().collect(),
            normalisers: positions.iter().map(|&k| answers.normalisers[k as usize]).collect(),
            answers,
        })
    }
}

impl DrawnExemplars<'_> {
    /// As a loss takes them.
    pub fn teacher(&self) -> TeacherAnswers<'_> {
        TeacherAnswers {
            table: ItemTable { rows: &self.answers.table, dim: self.answers.dim },
            representations: &self.representations,
            normalisers: &self.normalisers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ader::tests::{candidates, choose, kept, model};
    use crate::ader::{ExemplarSelection, Quota};

    #[test]
    fn what_was_saved_comes_back_and_nothing_else_does() {
        let model = model();
        let memory = choose(
            &model.encoder(),
            &candidates(400),
            &kept(Quota::Multinomial, ExemplarSelection::HerdingCapped, 100),
        );
        let saved = || {
            let mut state = State::default();
            memory.save(&mut state);
            state
        };
        let restored = Memory::restore(&model.encoder(), true, &mut saved()).unwrap();
        assert!(restored == memory && !restored.is_empty());
        for list in &restored.lists {
            assert_eq!(list.capacity(), list.len(), "a list takes the room of its own ids, not of all that follow");
        }
        for change in [|ids: &mut Vec<u32>| _ = ids.pop(), |ids: &mut Vec<u32>| ids.push(0)] {
            let mut state = saved();
            change(state.ids.get_mut(LISTS).unwrap().to_mut());
            let error = Memory::restore(&model.encoder(), true, &mut state).unwrap_err();
            assert!(error.kind() == Kind::Data && error.to_string().contains("no exemplars of this model"), "{error}");
        }
    }
}
