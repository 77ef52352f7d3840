//! Differences between the student's and the teacher's ranks of the teacher's best partners.

use harness::error::Result;
use rayon::prelude::*;

use crate::models::{Lists, Recommender, Side, TopLists};

/// Owners whose lists are scored at once: bounds the memory of a refresh.
const BLOCK: usize = 1024;

/// The longest list whose differences fit.
pub const LONGEST: usize = i16::MAX as usize + 1;

/// For every position k of every teacher's list, ρ(k) − k: by how many places the student ranks that
/// partner lower (positive, underestimated) or higher (negative, overestimated) than the teacher does,
/// among the partners of this list alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Discrepancies {
    list: usize,
    /// `[owners, list]`
    differences: Vec<i16>,
    /// `[owners]`: how many are positive, how many negative.
    counts: Vec<[u16; 2]>,
}

/// The differences of one owner.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// `[list]`
    pub differences: &'a [i16],
    /// Numbers of positive and of negative differences.
    pub counts: [usize; 2],
}

impl Row<'_> {
    /// Pairs of an underestimated and an overestimated position, `count` at most.
    pub fn pairs(&self, count: usize) -> usize {
        self.counts[0].min(self.counts[1]).min(count)
    }
}

impl Discrepancies {
    /// Differences of `owners` lists before the first look at a student: all 0.
    pub fn none(owners: usize, list: usize) -> Self {
        assert!(list <= LONGEST, "a list of {list}");
        Self { list, differences: vec![0; owners * list], counts: vec![[0; 2]; owners] }
    }

    /// Ranks the partners of every list by the student's scores. With `heads`, only so many of the
    /// largest differences of each sign are kept in a row, and others are 0.
    ///
    /// # Errors
    /// Errors of the student.
    pub fn refresh(
        &mut self,
        side: Side,
        teacher: &TopLists,
        heads: Option<usize>,
        student: &mut dyn Recommender,
    ) -> Result<()> {
        let list = self.list;
        let blocks = self.differences.chunks_mut(BLOCK * list).zip(self.counts.chunks_mut(BLOCK));
        for (first, (differences, counts)) in (0..).step_by(BLOCK).zip(blocks) {
            let mut lists = Lists::new();
            for owner in (first..).take(counts.len()) {
                lists.push(owner, teacher.of(owner).iter().copied());
            }
            let scores = student.scores(side, &lists)?;
            let rows = scores.par_chunks(list).zip(differences.par_chunks_mut(list)).zip(counts);
            rows.for_each_init(Vec::new, |keys, ((scores, differences), counts)| {
                rank(scores, keys, differences);
                if let Some(heads) = heads {
                    keep_heads(differences, heads);
                }
                let of_sign = |sign: i16| differences.iter().filter(|d| d.signum() == sign).count() as u16;
                *counts = [of_sign(1), of_sign(-1)];
            });
        }
        Ok(())
    }

    /// The differences of ranks in the list of an owner.
    pub fn of(&self, owner: u32) -> Row<'_> {
        let owner = owner as usize;
        let differences = &self.differences[owner * self.list..][..self.list];
        Row { differences, counts: self.counts[owner].map(usize::from) }
    }

    /// Owners with fewer than `count` pairs, and those of them without any.
    pub fn short(&self, count: usize) -> (usize, usize) {
        let pairs = self.counts.iter().map(|[under, over]| usize::from(*under.min(over)));
        pairs.fold((0, 0), |(short, empty), n| (short + usize::from(n < count), empty + usize::from(n == 0)))
    }
}

/// Writes ρ(k) − k from the student's scores in the teacher's order. Equal scores keep the teacher's
/// order (the authors' sort is unstable). `keys` is room to sort in.
pub fn rank(scores: &[f32], keys: &mut Vec<u64>, differences: &mut [i16]) {
    keys.clear();
    keys.extend(scores.iter().zip(0u64..).map(|(&score, position)| u64::from(descending(score)) << 32 | position));
    // No two keys are equal, so an unstable sort has one result.
    keys.sort_unstable();
    for (rank, &key) in (0i32..).zip(&*keys) {
        let position = key as u32 as usize;
        differences[position] = (rank - position as i32) as i16;
    }
}

/// A number that is lower for a higher score; −0 and 0 are the same score.
fn descending(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { bits } else { !bits & !(1 << 31) }
}

/// Sets all but the n largest differences of each sign to 0, where n is `most` or what both signs have.
/// Equal sizes: the teacher's better position stays.
fn keep_heads(differences: &mut [i16], most: usize) {
    let mut sides: [Vec<(i32, usize)>; 2] = Default::default();
    for (position, &difference) in differences.iter().enumerate().filter(|(_, d)| **d != 0) {
        sides[usize::from(difference < 0)].push((-i32::from(difference).abs(), position));
    }
    let kept = sides[0].len().min(sides[1].len()).min(most);
    for side in &mut sides {
        if kept < side.len() {
            side.select_nth_unstable(kept);
            for &(_, position) in &side[kept..] {
                differences[position] = 0;
            }
        }
    }
}
