//! Serving speed of a trained model: one request at a time, and many queries at once.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::metrics::Scorer;
use crate::queries::LabelledPair;
use crate::rank::Server;
use crate::split::UserItems;

/// Length of the list that a request returns.
pub const TOP: usize = 20;
/// Requests before the first one that counts: caches, branch predictors, lazily built tables.
const WARM_UP: usize = 50;
const REQUESTS: usize = 1000;
/// How many times a batch is served; the median counts.
const ROUNDS: usize = 5;
/// Longest time of a measurement: a slow model is measured on fewer requests and on smaller batches.
const LONGEST: Duration = Duration::from_secs(3);

/// Time of one request: encode the user, score every item, leave out the items seen, return the [`TOP`] best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Requests that were timed.
    pub requests: u64,
    /// Threads that served a request.
    pub threads: usize,
    /// Median, in microseconds.
    pub p50_us: f64,
    /// 99th percentile, in microseconds.
    pub p99_us: f64,
}

/// Speed of serving many queries at once, in blocks and on all threads, as an evaluation ranks them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// Queries in a batch.
    pub queries: u64,
    /// Threads that served the batch.
    pub threads: usize,
    /// Queries per second of the median batch.
    pub per_second: f64,
}

/// Times requests of the users who have training items, one after the other and on one thread. `seen` holds the items
/// of each user that a list leaves out.
///
/// # Errors
/// A non-finite score.
pub fn latency(server: &dyn Server, seen: &UserItems) -> Result<Latency> {
    let users = users(seen);
    let mut microseconds = Vec::with_capacity(REQUESTS);
    let began = Instant::now();
    for (request, &user) in users.iter().cycle().take(WARM_UP + REQUESTS).enumerate() {
        let start = Instant::now();
        std::hint::black_box(server.top_k(user, seen.of(user), TOP)?);
        if request >= WARM_UP {
            microseconds.push(start.elapsed().as_secs_f64() * 1e6);
        }
        if began.elapsed() > LONGEST && !microseconds.is_empty() {
            break;
        }
    }
    Ok(of_requests(microseconds))
}

/// The latency of requests that took so many microseconds each, on one thread.
fn of_requests(mut microseconds: Vec<f64>) -> Latency {
    microseconds.sort_by(f64::total_cmp);
    let quantile = |q: f64| microseconds.get((microseconds.len() as f64 * q) as usize).copied().unwrap_or(f64::NAN);
    let requests = microseconds.len() as u64;
    Latency { requests, threads: 1, p50_us: quantile(0.50), p99_us: quantile(0.99) }
}

/// Times the scoring of labelled pairs: one after the other on one thread, and all of them on all threads.
///
/// # Panics
/// If there is no pair.
pub fn impressions(scorer: &dyn Scorer, pairs: &[LabelledPair]) -> (Latency, Throughput) {
    /// Pairs that one task scores.
    const BLOCK: usize = 1024;
    let score = |pair: &LabelledPair| {
        let mut score = [0.0];
        scorer.score(pair.asker, &[pair.item], &mut score);
        std::hint::black_box(score);
    };
    let mut microseconds = Vec::with_capacity(REQUESTS);
    for (request, pair) in pairs.iter().cycle().take(WARM_UP + REQUESTS).enumerate() {
        let start = Instant::now();
        score(pair);
        if request >= WARM_UP {
            microseconds.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            pairs.par_chunks(BLOCK).for_each(|pairs| pairs.iter().for_each(score));
            start.elapsed().as_secs_f64()
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let per_second = pairs.len() as f64 / rounds[rounds.len() / 2];
    let threads = rayon::current_num_threads();
    (of_requests(microseconds), Throughput { queries: pairs.len() as u64, threads, per_second })
}

/// Times batches of the users who have training items: as many users as, by `latency`, can be served within a few
/// seconds. `n_items` is the number of items that the model scores.
///
/// # Errors
/// A non-finite score.
pub fn throughput(server: &dyn Server, n_items: usize, seen: &UserItems, latency: &Latency) -> Result<Throughput> {
    let mut users = users(seen);
    let threads = rayon::current_num_threads();
    let seconds = LONGEST.as_secs_f64() * threads as f64;
    users.truncate(((seconds * 1e6 / latency.p50_us) as usize).max(1));
    // A list must be full; a user may have fewer items left than a request returns.
    let left = users.iter().map(|&user| n_items - seen.of(user).len()).min().unwrap_or(0);
    let mut rounds = Vec::with_capacity(ROUNDS);
    let began = Instant::now();
    while rounds.len() < ROUNDS && (rounds.is_empty() || began.elapsed() < LONGEST) {
        let start = Instant::now();
        std::hint::black_box(server.top_lists(&users, TOP.min(left), &|user| seen.of(user))?);
        rounds.push(start.elapsed().as_secs_f64());
    }
    rounds.sort_by(f64::total_cmp);
    let per_second = users.len() as f64 / rounds[rounds.len() / 2];
    Ok(Throughput { queries: users.len() as u64, threads, per_second })
}

/// Users who have training items.
fn users(seen: &UserItems) -> Vec<u32> {
    (0..seen.n_users() as u32).filter(|&user| !seen.of(user).is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Table;
    use crate::rank::Index;

    #[test]
    fn impressions_are_timed_one_by_one_and_together() {
        let scorer = Table { n_items: 4, scores: (0..8).map(|k| k as f32).collect() };
        let pairs = [(0, 1), (0, 3), (1, 2)].map(|(asker, item)| LabelledPair { asker, item, label: true });
        let (request, batch) = impressions(&scorer, &pairs);
        assert!(request.requests == REQUESTS as u64 && request.p50_us >= 0.0 && request.p99_us >= request.p50_us);
        assert!(batch.queries == 3 && batch.per_second > 0.0, "{batch:?}");
    }

    #[test]
    fn users_without_history_are_not_served_and_lists_are_as_long_as_they_can_be() {
        let seen = UserItems::from_pairs(4, &[(0, 1), (2, 0), (2, 3)]);
        for n_items in [4, 100] {
            let scorer = Table { n_items, scores: (0..4 * n_items).map(|k| (k % n_items) as f32).collect() };
            let index = Index::new(&scorer);
            let latency = latency(&index, &seen).unwrap();
            assert!(latency.requests == REQUESTS as u64 && latency.p50_us > 0.0 && latency.p99_us >= latency.p50_us);
            let throughput = throughput(&index, n_items, &seen, &latency).unwrap();
            assert!(throughput.queries == 2 && throughput.per_second > 0.0, "{throughput:?}");
            let slow = Latency { p50_us: 1e9, ..latency };
            assert_eq!(super::throughput(&index, n_items, &seen, &slow).unwrap().queries, 1);
        }
    }
}
