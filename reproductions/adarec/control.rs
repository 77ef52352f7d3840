//! Random architectures that cost as much as one that was searched: the control without which a search proves nothing (ours).

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;

use super::architecture::Architecture;
use super::operation::{Operation, SearchSpace};

/// Draws after which there is taken to be no other architecture.
const DRAWS: usize = 10_000;

/// An architecture of `space` with the costs of `searched`, operation by operation, on other edges or by other operations:
/// uniformly drawn among all that are not `searched` itself.
///
/// # Errors
/// [`Input`](Kind::Input) if there is no other.
pub fn equally_costly(space: &SearchSpace, searched: &Architecture, stream: &mut Stream) -> Result<Architecture> {
    let n = searched.0.len() as u32;
    for _ in 0..DRAWS {
        // Each arrangement of the costs has the same number of architectures, so this is uniform.
        let places = stream.permutation(n as usize);
        let drawn = Architecture(std::array::from_fn(|edge| {
            let cost = searched.0[places[edge] as usize].cost();
            let alike: Vec<Operation> =
                space.operations().iter().copied().filter(|operation| operation.cost() == cost).collect();
            alike[stream.below(alike.len() as u32) as usize]
        }));
        if drawn != *searched {
            return Ok(drawn);
        }
    }
    Err(Error::new(Kind::Input, "the space has no other architecture that costs as much as the searched one")
        .got(searched.to_string())
        .hint("use a larger `space`, or leave out the random control"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn stream() -> Stream {
        Stream::new(0, "adarec", "control", 0)
    }

    #[test]
    fn costs_are_kept_and_architectures_are_uniform() {
        let searched: Architecture = "cau_cnn_3|none,none|none,none,none".parse().unwrap();
        let (mut counts, mut stream) = (BTreeMap::new(), stream());
        const DRAWN: u32 = 40_000;
        for _ in 0..DRAWN {
            let drawn = equally_costly(&SearchSpace::causal(), &searched, &mut stream).unwrap();
            *counts.entry(drawn.to_string()).or_insert(0) += 1;
            let convolutions = drawn.0.iter().filter(|operation| **operation == Operation::CauCnn3).count();
            assert!(convolutions == 1 && drawn != searched, "{drawn}");
        }
        // One convolution on one of six edges, none or skip on the five others, but for the searched one.
        let all = 6 * 32 - 1;
        assert_eq!(counts.len(), all);
        let (want, spread) = (f64::from(DRAWN) / all as f64, (f64::from(DRAWN) / all as f64).sqrt());
        assert!(counts.values().all(|count| (f64::from(*count) - want).abs() < 5.0 * spread), "{counts:?}");
    }

    #[test]
    fn a_space_without_another_is_refused() {
        let space: SearchSpace = toml::from_str::<BTreeMap<String, SearchSpace>>(r#"s = ["cau_cnn_3", "none"]"#)
            .unwrap()
            .remove("s")
            .unwrap();
        let all: Architecture = "cau_cnn_3|cau_cnn_3,cau_cnn_3|cau_cnn_3,cau_cnn_3,cau_cnn_3".parse().unwrap();
        let error = equally_costly(&space, &all, &mut stream()).unwrap_err().to_string();
        assert!(error.contains("no other architecture"), "{error}");
    }
}
