//! The transport problem of the earth mover's distance, solved exactly: the cheapest flow from sources to sinks of given
//! masses.
//!
//! Successive shortest paths in f64: mass goes along the cheapest path with room, of equally cheap ones the one of fewest
//! arcs, until all of it is moved. Everything is done in a fixed order, so the flow is the same on every machine. The library
//! of the code rounds costs and masses to about 10⁻⁶ of the largest before it solves; that is not imitated, so flows differ
//! from its own by that much, and where several flows are cheapest it may be another of them. The cost is the same.

use harness::error::{Error, Kind, Result};

/// Mass that counts as none, next to a total of 1: above the rounding of sums, below any weight that matters.
const NO_MASS: f64 = 1e-15;

/// The cheapest flow `[sources, sinks]`: f ≥ 0 with row sums `sources` and column sums `sinks` that minimises Σ f·`cost`,
/// for `cost: [sources, sinks]`.
///
/// # Errors
/// [`Diverged`](Kind::Diverged) if a cost or a mass is not finite, or a mass is negative; [`Internal`](Kind::Internal) if
/// sizes do not fit, or the two sides have different sums.
pub fn cheapest_flow(sources: &[f64], sinks: &[f64], cost: &[f64]) -> Result<Vec<f64>> {
    let (n, m) = (sources.len(), sinks.len());
    if n == 0 || m == 0 || cost.len() != n * m {
        let error = Error::new(Kind::Internal, "the sizes of a transport problem do not fit");
        return Err(error.got(format!("{n} sources, {m} sinks, {} costs", cost.len())));
    }
    if let Some(bad) =
        cost.iter().find(|c| !c.is_finite()).or(sources.iter().chain(sinks).find(|w| !(**w >= 0.0 && w.is_finite())))
    {
        return Err(Error::new(Kind::Diverged, "a distance or a weight between layers cannot be").got(bad.to_string()));
    }
    let sums = [sources, sinks].map(|side| side.iter().sum::<f64>());
    if (sums[0] - sums[1]).abs() > 1e-9 * sums[0].max(sums[1]) {
        let error = Error::new(Kind::Internal, "the two sides of a transport problem have different masses");
        return Err(error.got(format!("{} and {}", sums[0], sums[1])));
    }
    let none = NO_MASS * sums[0].max(1.0);
    let (mut supply, mut demand) = (sources.to_vec(), sinks.to_vec());
    let mut flow = vec![0.0; n * m];
    // A path empties a source, fills a sink or ends a flow, all exactly: far fewer paths than this are ever needed.
    for _ in 0..1000 * n * m {
        let Some(path) = Path::cheapest(cost, &flow, &supply, &demand, none) else { break };
        let mut amount = supply[path.start()].min(demand[path.end()]);
        amount = path.backward().fold(amount, |amount, at| amount.min(flow[at]));
        path.forward().for_each(|at| flow[at] += amount);
        path.backward().for_each(|at| flow[at] -= amount);
        supply[path.start()] -= amount;
        demand[path.end()] -= amount;
    }
    if supply.iter().any(|&mass| mass > 1e-9 * sums[0]) {
        return Err(Error::new(Kind::Internal, "a transport problem was not solved"));
    }
    Ok(flow)
}

/// A path from a source with mass to a sink with room, over cells of the flow: forward through the first, back through the
/// second, and so on.
struct Path {
    cells: Vec<usize>,
    sinks: usize,
}

/// Cost, and number of arcs.
type Distance = (f64, usize);

impl Path {
    fn start(&self) -> usize {
        self.cells[0] / self.sinks
    }

    fn end(&self) -> usize {
        self.cells[self.cells.len() - 1] % self.sinks
    }

    fn forward(&self) -> impl Iterator<Item = usize> + '_ {
        self.cells.iter().copied().step_by(2)
    }

    fn backward(&self) -> impl Iterator<Item = usize> + '_ {
        self.cells.iter().copied().skip(1).step_by(2)
    }

    /// Bellman and Ford over sources and sinks.
    fn cheapest(cost: &[f64], flow: &[f64], supply: &[f64], demand: &[f64], none: f64) -> Option<Self> {
        let (n, m) = (supply.len(), demand.len());
        let start: Distance = (0.0, 0);
        let mut of_source: Vec<Option<Distance>> = supply.iter().map(|&mass| (mass > none).then_some(start)).collect();
        let mut of_sink: Vec<Option<Distance>> = vec![None; m];
        // The node before: a source for a sink, a sink for a source.
        let (mut before_source, mut before_sink) = (vec![usize::MAX; n], vec![usize::MAX; m]);
        let scale = cost.iter().fold(0.0f64, |largest, c| largest.max(c.abs()));
        // A gain below the rounding of sums of costs would go around in circles.
        let is_better = |new: Distance, old: Option<Distance>| {
            old.is_none_or(|old| {
                let gain = old.0 - new.0;
                gain > 1e-13 * scale || (gain >= 0.0 && new.1 < old.1)
            })
        };
        for _ in 0..n + m {
            let mut changed = false;
            for i in 0..n {
                let Some((distance, arcs)) = of_source[i] else { continue };
                for j in 0..m {
                    let new = (distance + cost[i * m + j], arcs + 1);
                    if is_better(new, of_sink[j]) {
                        (of_sink[j], before_sink[j], changed) = (Some(new), i, true);
                    }
                }
            }
            for j in 0..m {
                let Some((distance, arcs)) = of_sink[j] else { continue };
                for i in 0..n {
                    let new = (distance - cost[i * m + j], arcs + 1);
                    if flow[i * m + j] > none && is_better(new, of_source[i]) {
                        (of_source[i], before_source[i], changed) = (Some(new), j, true);
                    }
                }
            }
            if !changed {
                break;
            }
        }
        let ends = (0..m).filter(|&j| demand[j] > none && of_sink[j].is_some());
        let end = ends
            .reduce(|best, j| if is_better(of_sink[j].expect("a sink on a path"), of_sink[best]) { j } else { best })?;
        let (mut cells, mut sink) = (Vec::new(), end);
        loop {
            let source = before_sink[sink];
            cells.push(source * m + sink);
            let next = before_source[source];
            if next == usize::MAX {
                break;
            }
            cells.push(source * m + next);
            sink = next;
            if cells.len() > 2 * (n + m) {
                return None;
            }
        }
        cells.reverse();
        Some(Self { cells, sinks: m })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, doubles};
    use harness::rng::Stream;

    fn total(flow: &[f64], cost: &[f64]) -> f64 {
        flow.iter().zip(cost).map(|(f, c)| f * c).sum()
    }

    fn assert_margins(flow: &[f64], sources: &[f64], sinks: &[f64]) {
        let m = sinks.len();
        let rows: Vec<f64> = flow.chunks_exact(m).map(|row| row.iter().sum()).collect();
        let columns: Vec<f64> = (0..m).map(|j| flow.iter().skip(j).step_by(m).sum()).collect();
        assert_near(&rows, sources, 1e-12, "sums of rows");
        assert_near(&columns, sinks, 1e-12, "sums of columns");
        assert!(flow.iter().all(|&f| f >= 0.0), "{flow:?}");
    }

    #[test]
    fn flows_are_those_of_the_vectors() {
        for name in ["emd_2x3", "emd_4x8", "emd_4x8_uniform_first_step"] {
            let case = case("adarec.json", name);
            let (inputs, expected) = (&case["inputs"], &case["expected"]);
            let [sources, sinks, cost] =
                ["student_weights", "teacher_weights", "distance_student_to_teacher"].map(|key| doubles(&inputs[key]));
            let flow = cheapest_flow(&sources, &sinks, &cost).unwrap();
            assert_margins(&flow, &sources, &sinks);
            assert_near(&[total(&flow, &cost)], &[expected["emd_loss"].as_f64().unwrap()], 1e-9, name);
            // Where the flow is unique.
            if !expected["flow"].is_null() {
                assert_near(&flow, &doubles(&expected["flow"]), 1e-9, name);
            }
        }
    }

    /// The cheapest of all whole flows, which are enough where masses are whole numbers.
    fn brute(supply: &mut [u32], demand: &mut [u32], cost: &[f64], cell: usize) -> f64 {
        let m = demand.len();
        if cell == supply.len() * m {
            return if supply.iter().chain(&*demand).all(|&mass| mass == 0) { 0.0 } else { f64::INFINITY };
        }
        let (i, j) = (cell / m, cell % m);
        let mut best = f64::INFINITY;
        for amount in 0..=supply[i].min(demand[j]) {
            supply[i] -= amount;
            demand[j] -= amount;
            best = best.min(f64::from(amount) * cost[cell] + brute(supply, demand, cost, cell + 1));
            supply[i] += amount;
            demand[j] += amount;
        }
        best
    }

    #[test]
    fn small_whole_problems_agree_with_brute_force() {
        let mut stream = Stream::new(0, "transport", "brute", 0);
        for _ in 0..300 {
            let (n, m) = (1 + stream.below(3) as usize, 1 + stream.below(3) as usize);
            let (mut supply, mut demand) = (vec![0; n], vec![0; m]);
            for _ in 0..stream.below(7) {
                supply[stream.below(n as u32) as usize] += 1;
                demand[stream.below(m as u32) as usize] += 1;
            }
            // Few values, so that many flows are cheapest.
            let cost: Vec<f64> = (0..n * m).map(|_| f64::from(stream.below(4))).collect();
            let want = brute(&mut supply, &mut demand, &cost, 0);
            let [sources, sinks] =
                [&supply, &demand].map(|side| side.iter().map(|&w| f64::from(w)).collect::<Vec<_>>());
            let flow = cheapest_flow(&sources, &sinks, &cost).unwrap();
            assert_margins(&flow, &sources, &sinks);
            assert_near(&[total(&flow, &cost)], &[want], 1e-12, format!("{supply:?} {demand:?} {cost:?}"));
        }
    }

    /// Complementary slackness: there are prices u, v with u_i + v_j ≤ c_ij, and equal where there is flow. They are distances
    /// in the graph of what is left, found anew here; a cycle of negative cost would show that the flow is not the cheapest.
    fn assert_cheapest(flow: &[f64], cost: &[f64], n: usize, m: usize) {
        let mut price = vec![0.0f64; n + m];
        for round in 0..=n + m {
            let mut changed = false;
            for i in 0..n {
                for j in 0..m {
                    let c = cost[i * m + j];
                    if price[i] + c < price[n + j] - 1e-10 {
                        (price[n + j], changed) = (price[i] + c, true);
                    }
                    if flow[i * m + j] > 1e-12 && price[n + j] - c < price[i] - 1e-10 {
                        (price[i], changed) = (price[n + j] - c, true);
                    }
                }
            }
            if !changed {
                return;
            }
            assert!(round < n + m, "a cycle that costs less");
        }
    }

    #[test]
    fn random_problems_are_solved_to_the_optimum() {
        let mut stream = Stream::new(0, "transport", "slackness", 0);
        for (n, m) in [(1, 1), (1, 8), (4, 4), (4, 8), (8, 4), (16, 16)] {
            for round in 0..60 {
                let mut side = |k: usize| {
                    // Now and then a weight of 0, and weights of very different sizes.
                    let raw: Vec<f64> =
                        (0..k)
                            .map(|at| {
                                if round % 3 == 1 && at % 3 == 2 {
                                    0.0
                                } else {
                                    stream.unit().powi(1 + 3 * (round % 4))
                                }
                            })
                            .collect();
                    let sum: f64 = raw.iter().sum();
                    raw.into_iter().map(|w| w / sum).collect::<Vec<_>>()
                };
                let (sources, sinks) = (side(n), side(m));
                let cost: Vec<f64> = (0..n * m)
                    .map(|_| if round % 2 == 0 { 40.0 * stream.unit() } else { f64::from(stream.below(3)) })
                    .collect();
                let flow = cheapest_flow(&sources, &sinks, &cost).unwrap();
                assert_margins(&flow, &sources, &sinks);
                assert_cheapest(&flow, &cost, n, m);
                assert_eq!(flow, cheapest_flow(&sources, &sinks, &cost).unwrap());
            }
        }
    }

    #[test]
    fn what_is_no_problem_is_refused() {
        let kind =
            |sources: &[f64], sinks: &[f64], cost: &[f64]| cheapest_flow(sources, sinks, cost).unwrap_err().kind();
        assert_eq!(kind(&[1.0], &[1.0], &[f64::NAN]), Kind::Diverged);
        assert_eq!(kind(&[f64::NAN], &[1.0], &[1.0]), Kind::Diverged);
        assert_eq!(kind(&[1.5, -0.5], &[1.0], &[1.0, 1.0]), Kind::Diverged);
        assert_eq!(kind(&[1.0], &[0.5], &[1.0]), Kind::Internal);
        assert_eq!(kind(&[], &[], &[]), Kind::Internal);
        assert_eq!(kind(&[1.0], &[1.0], &[]), Kind::Internal);
    }
}
