//! The gradients against central differences of a plain f64 program of the model.

use super::*;

const DIM: usize = 3;
const N_USERS: usize = 6;
const N_ITEMS: usize = 8;

type Values = Vec<Vec<f64>>;

/// The logit as the model's head states it.
fn logit(values: &Values, user: u32, item: u32) -> f64 {
    let row = |table: usize, id: u32| &values[table][id as usize * DIM..][..DIM];
    let (p, q) = (row(0, user), row(1, item));
    let input: Vec<f64> = row(2, user).iter().chain(row(3, item)).copied().collect();
    let mut logit = values[7][0];
    for k in 0..DIM {
        logit += values[6][k] * p[k] * q[k];
        let weights = &values[4][k * 2 * DIM..][..2 * DIM];
        let hidden = values[5][k] + weights.iter().zip(&input).map(|(w, x)| w * x).sum::<f64>();
        logit += values[6][DIM + k] * hidden.max(0.0);
    }
    logit
}

/// The base loss and the made-up terms.
fn loss(values: &Values, batch: &[[u32; 3]], terms: &Terms) -> f64 {
    let softplus = |x: f64| x.exp().ln_1p();
    let mut sum = 0.0;
    for &[u, i, j] in batch {
        sum += softplus(-logit(values, u, i)) + softplus(logit(values, u, j));
    }
    for (lists, side) in [(&terms.of_users, Side::User), (&terms.of_items, Side::Item)] {
        for k in 0..lists.len() {
            let (owner, partners) = lists.of(k);
            for (j, &partner) in partners.iter().enumerate() {
                let (user, item) = if side == Side::User { (owner, partner) } else { (partner, owner) };
                sum += 0.5 * (j + 1) as f64 / 10.0 * logit(values, user, item).powi(2);
            }
        }
    }
    for (side, ids) in terms.represented.iter().enumerate() {
        for &id in ids {
            for table in [side, 2 + side] {
                sum += values[table][id as usize * DIM..][..DIM].iter().map(|r| 0.5 * r * r).sum::<f64>();
            }
        }
    }
    sum
}

#[test]
fn gradients_are_the_differences_of_the_loss() {
    let start = start(N_USERS, N_ITEMS, DIM);
    let mut stream = Stream::new(0, "neumf-test", "differences", 0);
    let (batch, terms) = (batch(&mut stream, 10, N_USERS, N_ITEMS), Terms::draw(&mut stream, N_USERS, N_ITEMS));
    let values: Values = start.parameters.iter().map(|p| p.values.iter().map(|v| f64::from(*v)).collect()).collect();
    let want_loss = loss(&values, &batch, &terms);
    let step = 1e-6;
    let mut want = Vec::new();
    for (k, parameter) in values.iter().enumerate() {
        want.push(
            (0..parameter.len())
                .map(|at| {
                    let moved = |by: f64| {
                        let mut values = values.clone();
                        values[k][at] += by;
                        loss(&values, &batch, &terms)
                    };
                    (moved(step) - moved(-step)) / (2.0 * step)
                })
                .collect::<Vec<f64>>(),
        );
    }
    for mut model in both(&start) {
        let (loss, gradients) = gradients(&mut *model, &batch, Some(&terms));
        assert!((loss - want_loss).abs() < 1e-6 * want_loss, "{loss} {want_loss}");
        for ((name, got), want) in NAMES.iter().zip(&gradients).zip(&want) {
            for (at, (got, want)) in got.iter().zip(want).enumerate() {
                assert!((f64::from(*got) - want).abs() < 2e-6 * want.abs().max(1.0), "{name}[{at}]: {got} {want}");
            }
            assert!(want.iter().any(|g| g.abs() > 1e-3), "{name} matters to the loss");
        }
    }
}
