//! Serving latency: one request at a time, on one thread.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::metrics::Scorer;
use crate::rank::Index;
use crate::split::UserItems;

/// Items that a request returns.
const TOP: usize = 20;
/// Requests before the clock counts: caches, branch predictors, lazily built tables.
const WARM_UP: usize = 50;
const REQUESTS: usize = 1000;
/// A slow model is measured on fewer requests.
const LONGEST: Duration = Duration::from_secs(3);

/// Time of a request: encode the user, score every item, leave out the items seen, return the best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    pub requests: usize,
    pub p50_us: f64,
    pub p99_us: f64,
}

/// Measures requests for the users that have training items, in turn.
///
/// # Errors
/// A non-finite score.
pub fn latency(scorer: &dyn Scorer, seen: &UserItems) -> Result<Latency> {
    let index = Index::new(scorer);
    let users: Vec<u32> = (0..seen.n_users() as u32).filter(|&user| !seen.of(user).is_empty()).collect();
    let mut microseconds = Vec::with_capacity(REQUESTS);
    let began = Instant::now();
    for (request, &user) in users.iter().cycle().take(WARM_UP + REQUESTS).enumerate() {
        let start = Instant::now();
        std::hint::black_box(index.top_k(user, seen.of(user), TOP)?);
        if request >= WARM_UP {
            microseconds.push(start.elapsed().as_secs_f64() * 1e6);
        }
        if began.elapsed() > LONGEST && !microseconds.is_empty() {
            break;
        }
    }
    microseconds.sort_by(f64::total_cmp);
    let quantile = |q: f64| microseconds.get((microseconds.len() as f64 * q) as usize).copied().unwrap_or(f64::NAN);
    Ok(Latency { requests: microseconds.len(), p50_us: quantile(0.50), p99_us: quantile(0.99) })
}
