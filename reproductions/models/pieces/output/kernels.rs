//! Softmax, divergence and their gradients over a tile of logits, `[classes, 64]`, column by column.

use harness::simd::{self, exp};
use pulp::NullaryFnOnce;

use super::parts::KlDirection;

/// Rows of the batch in a strip: the width of the widest tile of a product.
pub const STRIP: usize = 64;
/// Classes in a tile: 12 KiB of logits, which stay in the L1 cache from product to exponentials.
pub const TILE: usize = 48;
/// Columns that go through a tile together: one register of AVX-512.
pub const LANES: usize = 16;

/// Softmaxes of a tile: the student's and the teacher's.
pub const STATES: usize = 2;

/// What a tile knows of its columns; after [`combine`], `largest` has the factor from the tile's exponentials to those of all
/// tiles.
#[derive(Clone, Copy)]
pub struct TileState {
    /// The largest logit of the student and of the teacher.
    pub largest: [[f32; STRIP]; STATES],
    /// Σ e^(logit − largest).
    pub sum: [[f32; STRIP]; STATES],
    /// The reference's sum of e^(logit − largest) · (its logit − the other's).
    pub along: [f32; STRIP],
}

impl Default for TileState {
    fn default() -> Self {
        Self { largest: [[f32::MIN; STRIP]; STATES], sum: [[1.0; STRIP]; STATES], along: [0.0; STRIP] }
    }
}

type Lanes = [f32; LANES];

/// A block of columns of a row.
#[inline(always)]
fn lanes(values: &[f32], first: usize) -> &Lanes {
    values[first..].first_chunk().expect("strips are whole blocks of lanes")
}

#[inline(always)]
fn lanes_mut(values: &mut [f32], first: usize) -> &mut Lanes {
    values[first..].first_chunk_mut().expect("strips are whole blocks of lanes")
}

#[inline(always)]
fn largest(tile: &[f32], first: usize) -> Lanes {
    let mut largest = [f32::MIN; LANES];
    for row in tile.chunks_exact(STRIP) {
        for (largest, &logit) in largest.iter_mut().zip(lanes(row, first)) {
            *largest = if logit > *largest { logit } else { *largest };
        }
    }
    largest
}

/// Each row of a tile becomes its class's value.
pub fn fill(tile: &mut [f32], values: &[f32]) {
    assert_eq!(tile.len(), values.len() * STRIP, "a value for each class");
    simd::dispatch(Fill { tile, values });
}

struct Fill<'a> {
    tile: &'a mut [f32],
    values: &'a [f32],
}

impl NullaryFnOnce for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (row, value) in self.tile.as_chunks_mut::<STRIP>().0.iter_mut().zip(self.values) {
            *row = [*value; STRIP];
        }
    }
}

/// Logits → e^(logit − largest of the column), in place.
pub fn exponentials(tile: &mut [f32], state: &mut TileState) {
    simd::dispatch(Exponentials { tile, state });
}

struct Exponentials<'a> {
    tile: &'a mut [f32],
    state: &'a mut TileState,
}

impl NullaryFnOnce for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { tile, state } = self;
        for first in (0..STRIP).step_by(LANES) {
            let largest = largest(tile, first);
            let mut sum = [0.0; LANES];
            for row in tile.chunks_exact_mut(STRIP) {
                let row = lanes_mut(row, first);
                for k in 0..LANES {
                    row[k] = exp(row[k] - largest[k]);
                    sum[k] += row[k];
                }
            }
            *lanes_mut(&mut state.largest[0], first) = largest;
            *lanes_mut(&mut state.sum[0], first) = sum;
        }
    }
}

/// Logits of student and teacher → e^(logit − largest of the column) of the student, in place; and in place of the teacher's
/// the differences of the logits (student − teacher) where the student is the reference, or else the teacher's exponentials.
pub fn exponentials_of_both(tile: &mut [f32], teacher: &mut [f32], state: &mut TileState, direction: KlDirection) {
    assert_eq!(tile.len(), teacher.len(), "the same classes");
    match direction {
        KlDirection::StudentTeacher => simd::dispatch(Both::<true> { tile, teacher, state }),
        KlDirection::TeacherStudent => simd::dispatch(Both::<false> { tile, teacher, state }),
    }
}

struct Both<'a, const OF_STUDENT: bool> {
    tile: &'a mut [f32],
    teacher: &'a mut [f32],
    state: &'a mut TileState,
}

impl<const OF_STUDENT: bool> NullaryFnOnce for Both<'_, OF_STUDENT> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { tile, teacher, state } = self;
        for first in (0..STRIP).step_by(LANES) {
            let (of_student, of_teacher) = (largest(tile, first), largest(teacher, first));
            let [mut sum, mut teacher_sum, mut along] = [[0.0f32; LANES]; 3];
            for (row, teacher) in tile.chunks_exact_mut(STRIP).zip(teacher.chunks_exact_mut(STRIP)) {
                let (row, teacher) = (lanes_mut(row, first), lanes_mut(teacher, first));
                for k in 0..LANES {
                    let difference = row[k] - teacher[k];
                    let e = exp(row[k] - of_student[k]);
                    let t = exp(teacher[k] - of_teacher[k]);
                    sum[k] += e;
                    teacher_sum[k] += t;
                    row[k] = e;
                    if OF_STUDENT {
                        along[k] = e.mul_add(difference, along[k]);
                        teacher[k] = difference;
                    } else {
                        along[k] = t.mul_add(-difference, along[k]);
                        teacher[k] = t;
                    }
                }
            }
            *lanes_mut(&mut state.largest[0], first) = of_student;
            *lanes_mut(&mut state.largest[1], first) = of_teacher;
            *lanes_mut(&mut state.sum[0], first) = sum;
            *lanes_mut(&mut state.sum[1], first) = teacher_sum;
            *lanes_mut(&mut state.along, first) = along;
        }
    }
}

/// What all tiles know of their columns together; the largest of each tile becomes e^(largest − that of all tiles). `along` is
/// added with the factors of the softmax that is its reference, which `of_student` says.
pub fn combine(states: &mut [TileState], of_student: bool) -> TileState {
    let mut total = TileState::default();
    simd::dispatch(Combine { states, total: &mut total, reference: if of_student { 0 } else { 1 } });
    total
}

struct Combine<'a> {
    states: &'a mut [TileState],
    total: &'a mut TileState,
    reference: usize,
}

impl NullaryFnOnce for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { states, total, reference } = self;
        *total = TileState { sum: [[0.0; STRIP]; STATES], ..TileState::default() };
        for state in states.iter() {
            for of in 0..STATES {
                for k in 0..STRIP {
                    let largest = state.largest[of][k];
                    total.largest[of][k] = if largest > total.largest[of][k] { largest } else { total.largest[of][k] };
                }
            }
        }
        for state in states {
            for of in 0..STATES {
                for k in 0..STRIP {
                    let factor = exp(state.largest[of][k] - total.largest[of][k]);
                    state.largest[of][k] = factor;
                    total.sum[of][k] = factor.mul_add(state.sum[of][k], total.sum[of][k]);
                }
            }
            for k in 0..STRIP {
                total.along[k] = state.largest[reference][k].mul_add(state.along[k], total.along[k]);
            }
        }
    }
}

/// Exponentials → slope · softmax, in place.
pub fn gradients(tile: &mut [f32], state: &TileState, total: &TileState, slopes: &[[f32; STRIP]; STATES]) {
    simd::dispatch(Gradients { tile, state, total, slopes });
}

struct Gradients<'a> {
    tile: &'a mut [f32],
    state: &'a TileState,
    total: &'a TileState,
    slopes: &'a [[f32; STRIP]; STATES],
}

impl NullaryFnOnce for Gradients<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { tile, state, total, slopes } = self;
        let mut factors = [0.0; STRIP];
        for k in 0..STRIP {
            factors[k] = slopes[0][k] * state.largest[0][k] / total.sum[0][k];
        }
        for row in tile.chunks_exact_mut(STRIP) {
            for k in 0..STRIP {
                row[k] *= factors[k];
            }
        }
    }
}

/// Exponentials and what stands in place of the teacher's logits → gradients of the student's logits, in place.
pub fn gradients_of_both(
    tile: &mut [f32],
    teacher: &[f32],
    state: &TileState,
    total: &TileState,
    slopes: &[[f32; STRIP]; STATES],
    direction: KlDirection,
) {
    assert_eq!(tile.len(), teacher.len(), "the same classes");
    match direction {
        KlDirection::StudentTeacher => {
            simd::dispatch(GradientsOfBoth::<true> { tile, teacher, state, total, slopes });
        }
        KlDirection::TeacherStudent => {
            simd::dispatch(GradientsOfBoth::<false> { tile, teacher, state, total, slopes });
        }
    }
}

struct GradientsOfBoth<'a, const OF_STUDENT: bool> {
    tile: &'a mut [f32],
    teacher: &'a [f32],
    state: &'a TileState,
    total: &'a TileState,
    slopes: &'a [[f32; STRIP]; STATES],
}

impl<const OF_STUDENT: bool> NullaryFnOnce for GradientsOfBoth<'_, OF_STUDENT> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { tile, teacher, state, total, slopes } = self;
        let [mut first, mut second] = [[0.0; STRIP]; 2];
        for k in 0..STRIP {
            let p = state.largest[0][k] / total.sum[0][k];
            let q = if OF_STUDENT { p } else { state.largest[1][k] / total.sum[1][k] };
            (first[k], second[k]) = (slopes[0][k] * p, slopes[1][k] * q);
        }
        for (row, teacher) in tile.chunks_exact_mut(STRIP).zip(teacher.chunks_exact(STRIP)) {
            for k in 0..STRIP {
                row[k] = if OF_STUDENT {
                    row[k] * second[k].mul_add(teacher[k], first[k])
                } else {
                    second[k].mul_add(teacher[k], row[k] * first[k])
                };
            }
        }
    }
}

/// Adds the rows of a tile, `[classes, 64]`, to lanes `[classes, 16]`: value `k` to lane `k mod 16`, in ascending order.
pub fn add_to_lanes(sums: &mut [f32], tile: &[f32]) {
    assert_eq!(sums.len() / LANES, tile.len() / STRIP, "lanes for each class");
    simd::dispatch(AddToLanes { sums, tile });
}

struct AddToLanes<'a> {
    sums: &'a mut [f32],
    tile: &'a [f32],
}

impl NullaryFnOnce for AddToLanes<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (sums, row) in self.sums.chunks_exact_mut(LANES).zip(self.tile.chunks_exact(STRIP)) {
            for first in (0..STRIP).step_by(LANES) {
                let row = lanes(row, first);
                for k in 0..LANES {
                    sums[k] += row[k];
                }
            }
        }
    }
}
