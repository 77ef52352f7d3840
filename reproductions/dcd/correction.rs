//! One side of the correction: UCD (users over items) or ICD (items over users).

use harness::error::Result;
use harness::rng::Stream;
use rayon::prelude::*;

use super::discrepancy::Discrepancies;
use super::options::{DcdOptions, Positions};
use super::sampling::{DrawnPositions, Sampler};
use crate::models::losses::relaxed::relaxed;
use crate::models::{Lists, Recommender, Side, TopLists};

/// Owners that one task draws for; fixed, so that draws do not depend on threads.
const BLOCK: usize = 32;
/// Bytes of a cache line.
const LINE: usize = 64;

/// DCD's correction of one side: of the items of users, or of the users of items.
pub struct Correction {
    side: Side,
    weight: f64,
    top: Positions,
    teacher: TopLists,
    sampler: Sampler,
    discrepancies: Discrepancies,
}

impl Correction {
    /// The side's loss times `weight`; `teacher` has lists of `options.list`.
    pub fn new(side: Side, weight: f64, options: DcdOptions, teacher: TopLists) -> Self {
        let DcdOptions { list, sampled, top } = options;
        let discrepancies = Discrepancies::none(teacher.len(), list);
        let sampler = match top {
            Positions::Sampled { epsilon } => Sampler::new(epsilon.get(), list, sampled),
            // Only heads are left of a row, and all of them are taken: weights make no difference.
            Positions::Head => Sampler::new(1.0, list, sampled),
        };
        Self { side, weight, top, teacher, sampler, discrepancies }
    }

    /// Compares the student's order with the teacher's.
    ///
    /// # Errors
    /// Errors of the student.
    pub fn refresh(&mut self, student: &mut dyn Recommender) -> Result<()> {
        let heads = (self.top == Positions::Head).then(|| self.sampler.count());
        self.discrepancies.refresh(self.side, &self.teacher, heads, student)
    }

    /// For each owner its underestimated partners, in the teacher's order, then as many overestimated
    /// ones. An owner without both is left out.
    pub fn draw(&self, owners: &[u32], stream: &mut Stream) -> Lists {
        let blocks: Vec<_> = owners.chunks(BLOCK).map(|owners| (owners, stream.fork())).collect();
        let blocks: Vec<_> = blocks
            .into_par_iter()
            .map(|(owners, mut stream)| {
                self.prefetch(owners);
                let mut drawn = DrawnPositions::default();
                let mut partners = Vec::with_capacity(owners.len() * 2 * self.sampler.count());
                let ends = owners.iter().map(|&owner| {
                    let list = self.teacher.of(owner);
                    self.sampler.draw(self.discrepancies.of(owner), &mut stream, &mut drawn);
                    drawn.for_each(|position| partners.push(list[position]));
                    partners.len()
                });
                let ends: Vec<usize> = ends.collect();
                (owners, ends, partners)
            })
            .collect();
        let mut lists = Lists::new();
        for (owners, ends, partners) in &blocks {
            let mut start = 0;
            for (&owner, &end) in owners.iter().zip(ends) {
                if end > start {
                    lists.push(owner, partners[start..end].iter().copied());
                }
                start = end;
            }
        }
        lists
    }

    /// Reads a value of each cache line that the draws for `owners` may need. They are tens of megabytes
    /// apart; read one after the other here, the memory answers many at a time, and draws, which look at
    /// random positions, do not wait for it.
    fn prefetch(&self, owners: &[u32]) {
        let mut sum = 0;
        for &owner in owners {
            sum ^= self.discrepancies.of(owner).differences.iter().step_by(LINE / 2).fold(0, |sum, &d| sum ^ d as u32);
            sum ^= self.teacher.of(owner).iter().step_by(LINE / 4).fold(0, |sum, &id| sum ^ id);
        }
        std::hint::black_box(sum);
    }

    /// Adds the loss of `owners` to the student's step, and returns it, weighted.
    ///
    /// # Errors
    /// Errors of the student.
    pub fn add(&self, owners: &[u32], stream: &mut Stream, student: &mut dyn Recommender) -> Result<f64> {
        let lists = self.draw(owners, stream);
        student.add_lists(self.side, lists, &|_, scores, gradient| loss(scores, self.weight, gradient))
    }

    /// Owners with fewer than p pairs to draw, those of them without any, and all owners.
    pub fn short(&self) -> (usize, usize, usize) {
        let (short, empty) = self.discrepancies.short(self.sampler.count());
        (short, empty, self.teacher.len())
    }

    /// The side whose entities own the lists.
    pub fn side(&self) -> Side {
        self.side
    }
}

/// ℓ of one owner, times `weight`: the first half of the scores are the underestimated partners'.
pub(super) fn loss(scores: &[f32], weight: f64, gradient: &mut [f32]) -> f64 {
    relaxed(scores, scores.len() / 2, weight, gradient)
}
