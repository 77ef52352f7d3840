//! The loss that sequential models train on: point-wise, with a term of a distillation or without.

use harness::nn::log_loss;

use super::{Window, WindowTerm};

/// L_R = Σ ln(1 + e^−s) over the first `positives` scores + Σ ln(1 + e^s) over the others: the
/// point-wise ranking loss of a window. Writes its gradient.
///
/// # Panics
/// If there is not a slot for each gradient.
pub fn pointwise(scores: &[f32], positives: usize, gradients: &mut [f32]) -> f64 {
    assert_eq!(scores.len(), gradients.len(), "a slot for each score");
    let mut sum = 0.0;
    for (k, (&score, gradient)) in scores.iter().zip(gradients).enumerate() {
        let (loss, slope) = log_loss(score, if k < positives { 1.0 } else { 0.0 });
        sum += f64::from(loss);
        *gradient = slope;
    }
    sum
}

/// The loss of a batch, window by window: mean over `windows` of the weighted ranking loss, and the term.
pub struct BatchLoss<'a> {
    /// All of the batch, and no more: a last batch may have fewer than the others.
    windows: &'a [Window],
    targets: usize,
    negatives: usize,
    of_ranking: f64,
    term: Option<&'a dyn WindowTerm>,
}

impl<'a> BatchLoss<'a> {
    /// The loss of these windows, each with a number of targets and negatives.
    pub fn new(windows: &'a [Window], targets: usize, negatives: usize, term: Option<&'a dyn WindowTerm>) -> Self {
        let of_ranking = term.map_or(1.0, WindowTerm::of_ranking);
        Self { windows, targets, negatives, of_ranking, term }
    }

    /// The loss of window `k` of the batch, from the scores of its items: targets, negatives, the
    /// term's of both kinds. Writes the gradient with respect to all but the last kind.
    pub fn of(&self, k: usize, scores: &[f32], gradients: &mut [f32]) -> f64 {
        let scale = 1.0 / self.windows.len() as f64;
        let of_ranking = self.of_ranking * scale;
        let (gradients, of_list) = gradients.split_at_mut(self.targets + self.negatives);
        let (own, others) = scores.split_at(gradients.len());
        let mut sum = of_ranking * pointwise(own, self.targets, gradients);
        gradients.iter_mut().for_each(|gradient| *gradient *= of_ranking as f32);
        if let Some(term) = self.term {
            let (list, samples) = others.split_at(of_list.len());
            sum += term.loss(self.windows[k], scale, [list, samples], of_list);
        }
        sum
    }
}
