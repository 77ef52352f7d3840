//! An architecture: the operation of each edge of a cell, shared by all cells. What it costs, and which labels it can see.

use std::fmt;
use std::str::FromStr;

use harness::error::{Error, Kind, Result};
use serde::{Deserialize, Deserializer};

use super::operation::{Operation, SearchSpace};

/// Nodes of a cell, after its input. Node n = 1, 2, 3 is the sum of its edges, one from each of the feature maps
/// f₀ (the cell's input), …, fₙ₋₁.
pub const NODES: usize = 3;

/// Edges of a cell: 1 + 2 + 3, by node, and of a node by the feature map that they read.
pub const EDGES: usize = NODES * (NODES + 1) / 2;

/// The number of the edge into `node` (1, 2, 3) from the feature map `source` (below `node`).
pub const fn edge(node: usize, source: usize) -> usize {
    node * (node - 1) / 2 + source
}

/// Node and feature map of an edge.
pub fn ends(edge: usize) -> (usize, usize) {
    let node = if edge == 0 { 1 } else { 2 + usize::from(edge > 2) };
    (node, edge - node * (node - 1) / 2)
}

/// One operation for each edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture(pub [Operation; EDGES]);

/// Between nodes, and between the edges of a node.
const SEPARATORS: [char; 2] = ['|', ','];

impl Architecture {
    /// Trained numbers of all `cells` at C `channels`: those of the operations, and of each cell the 3 weights of its nodes
    /// and the 2·C of layer normalisation.
    pub fn cell_parameters(&self, cells: usize, channels: usize) -> u64 {
        let operations: u64 = self.0.iter().map(|operation| operation.parameters(channels)).sum();
        cells as u64 * (operations + (NODES + 2 * channels) as u64)
    }

    /// Multiply-adds of all `cells` for a sequence of `length`: those of the [operations](Operation::macs), and a position
    /// 2·C for layer normalisation, counted as batch normalisation is, and 3·C for the weighted sum of the nodes.
    pub fn cell_macs(&self, cells: usize, channels: usize, length: usize) -> u64 {
        let operations: u64 = self.0.iter().map(|operation| operation.macs(channels, length)).sum();
        cells as u64 * (operations + ((NODES + 2) * channels * length) as u64)
    }

    /// For each position whether what `cells` cells compute there depends on the next one, which at training holds the
    /// position's label. The last position's label is in no input. Padding counts as any position; what batch normalisation
    /// carries from one position to another is left out.
    pub fn sees_label(&self, cells: usize, length: usize) -> Vec<bool> {
        sees_label(|edge| &self.0[edge..=edge], cells, length)
    }

    /// How many positions see their label.
    pub fn labels_seen(&self, cells: usize, length: usize) -> usize {
        self.sees_label(cells, length).into_iter().filter(|seen| *seen).count()
    }
}

impl SearchSpace {
    /// As [`Architecture::labels_seen`], where any operation of the space may be drawn for any edge.
    pub fn labels_seen(&self, cells: usize, length: usize) -> usize {
        sees_label(|_| self.operations(), cells, length).into_iter().filter(|seen| *seen).count()
    }
}

fn sees_label<'a>(operations: impl Fn(usize) -> &'a [Operation], cells: usize, length: usize) -> Vec<bool> {
    // reach[t][u]: whether position t depends on position u of the input.
    let at = |t: usize| (0..length).map(|u| u == t).collect::<Vec<bool>>();
    let mut reach: Vec<Vec<bool>> = (0..length).map(at).collect();
    let join = |sum: &mut [bool], other: &[bool]| sum.iter_mut().zip(other).for_each(|(sum, other)| *sum |= other);
    for _ in 0..cells {
        let mut maps = vec![reach.clone()];
        for node in 1..=NODES {
            let mut map = vec![vec![false; length]; length];
            for (source, from) in maps.iter().enumerate() {
                let shifts = operations(edge(node, source)).iter().flat_map(|operation| operation.reads());
                for &shift in shifts {
                    for (t, row) in map.iter_mut().enumerate() {
                        if let Some(from) = t.checked_add_signed(shift).and_then(|read| from.get(read)) {
                            join(row, from);
                        }
                    }
                }
            }
            for (row, node) in reach.iter_mut().zip(&map) {
                join(row, node);
            }
            maps.push(map);
        }
    }
    reach.iter().enumerate().map(|(t, row)| row.get(t + 1).is_some_and(|seen| *seen)).collect()
}

/// Operations by node: `cau_cnn_3|max_pool,skip_connect|std_cnn_5,none,avg_pool`.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, operation) in self.0.iter().enumerate() {
            match ends(k) {
                (1, _) => {}
                (_, 0) => write!(f, "{}", SEPARATORS[0])?,
                _ => write!(f, "{}", SEPARATORS[1])?,
            }
            operation.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(Kind::Input, "not an architecture")
                .expected("6 operations by node, such as `cau_cnn_3|max_pool,none|skip_connect,none,cau_cnn_5`")
                .got(format!("`{text}`"))
        };
        let nodes: Vec<Vec<&str>> = text.split(SEPARATORS[0]).map(|node| node.split(SEPARATORS[1]).collect()).collect();
        if nodes.len() != NODES || nodes.iter().enumerate().any(|(n, edges)| edges.len() != n + 1) {
            return Err(wrong());
        }
        let operations = nodes.concat().into_iter().map(str::parse).collect::<Result<Vec<_>>>()?;
        Ok(Self(operations.try_into().map_err(|_| wrong())?))
    }
}

impl<'de> Deserialize<'de> for Architecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::parse;
    use Operation::*;

    const CAU: Architecture = Architecture([CauCnn3; EDGES]);

    fn with(edge: usize, operation: Operation) -> Architecture {
        let mut operations = [None; EDGES];
        operations[edge] = operation;
        Architecture(operations)
    }

    #[test]
    fn edges_are_counted_by_node() {
        let all: Vec<_> = (0..EDGES).map(ends).collect();
        assert_eq!(all, [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]);
        assert!((0..EDGES).all(|k| edge(ends(k).0, ends(k).1) == k));
    }

    /// The addenda of the specification, §11.3: C = 16 and 4 cells.
    #[test]
    fn numbers_in_cells_are_those_of_an_independent_run() {
        assert_eq!(CAU.cell_parameters(4, 16), 19_724);
        assert_eq!(with(4, CauCnn3).cell_parameters(4, 16), 3_404);
        let mut two = with(4, CauCnn3);
        two.0[0] = StdCnn3;
        (two.0[1], two.0[2]) = (MaxPool, SkipConnect);
        assert_eq!(two.cell_parameters(4, 16), 6_668);
        // By hand: 24 convolutions of (3·16² + 3·16)·20, and 4 cells of 5·16·20.
        assert_eq!(CAU.cell_macs(4, 16, 20), 24 * 816 * 20 + 4 * 1_600);
        assert_eq!(with(0, MaxPool).cell_macs(1, 16, 20), 320 + 1_600);
        assert_eq!(with(0, SkipConnect).cell_macs(1, 16, 20), 1_600);
    }

    #[test]
    fn labels_are_seen_through_any_chain_of_operations() {
        assert_eq!(CAU.labels_seen(4, 20), 0);
        // The last position's label is in no input.
        assert_eq!(with(0, StdCnn3).labels_seen(1, 20), 19);
        assert_eq!(with(0, MaxPool).labels_seen(4, 20), 19);
        // Even steps alone never meet the next position.
        assert_eq!(Architecture([DilCnn3; EDGES]).labels_seen(4, 20), 0);
        // Two ahead, and one back: by two edges of one cell, or by two cells.
        let mut chain = with(edge(1, 0), DilCnn5);
        chain.0[edge(2, 1)] = AvgPool;
        assert_eq!(chain.labels_seen(1, 20), 19);
        // Node 2 reads node 1, which reads nothing.
        assert_eq!(with(edge(2, 1), StdCnn5).labels_seen(4, 20), 0);
        // Where the way around leads past the end: +2 and then −1 needs two positions ahead, +1 does not.
        let sees = chain.sees_label(1, 4);
        assert_eq!(sees, [true, true, true, false]);
        assert_eq!(SearchSpace::causal().labels_seen(4, 20), 0);
        assert_eq!(SearchSpace::coded().labels_seen(4, 20), 19);
        assert!(CAU.sees_label(4, 0).is_empty());
    }

    /// Against every path of shifts, followed one by one through two cells with a single node.
    #[test]
    fn a_way_that_leaves_the_sequence_is_none() {
        // Node 1 reads +4 and so on (dil 5), node 3 reads node 1 by −1 or +1 only through its ends.
        let mut far = with(edge(1, 0), DilCnn5);
        far.0[edge(3, 1)] = StdCnn3;
        for length in 1..12 {
            let steps = |t: isize, shifts: &[isize]| -> Vec<isize> {
                shifts.iter().map(|s| t + s).filter(|u| (0..length as isize).contains(u)).collect()
            };
            let sees = far.sees_label(1, length);
            for (t, sees) in sees.into_iter().enumerate() {
                let t = t as isize;
                let direct = steps(t, DilCnn5.reads()).contains(&(t + 1));
                let chained =
                    steps(t, StdCnn3.reads()).into_iter().any(|u| steps(u, DilCnn5.reads()).contains(&(t + 1)));
                assert_eq!(sees, direct || chained, "{t} of {length}");
            }
        }
    }

    #[test]
    fn an_architecture_has_a_text() {
        let text = "cau_cnn_3|max_pool,skip_connect|std_cnn_5,none,avg_pool";
        let architecture: Architecture = text.parse().unwrap();
        assert_eq!(architecture.0, [CauCnn3, MaxPool, SkipConnect, StdCnn5, None, AvgPool]);
        assert_eq!(architecture.to_string(), text);
        assert_eq!(parse::<Architecture>(&format!("\"{text}\"")).unwrap(), architecture);
        for wrong in ["", "none", "none|none|none,none,none", "none|none,none|none,none,none|none"] {
            let error = wrong.parse::<Architecture>().unwrap_err().to_string();
            assert!(error.contains("not an architecture"), "{error}");
        }
        assert!("none|none,none|none,none,cnn".parse::<Architecture>().unwrap_err().to_string().contains("`cnn`"));
    }
}
