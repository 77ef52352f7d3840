//! The form in which a text says how a searched cell is wired: `a|b,c|d,e,f`.
//!
//! The groups between `|` are the nodes 1, 2, 3, … of the cell. The group of node n has n names, separated by commas: the
//! operations that node n applies to what comes from node 0, which is the cell's input, from node 1, and so on to node
//! n − 1. The name `none` stands for no edge. No other name means anything here: whatever a method calls its operations is
//! drawn.

/// Largest number of nodes that are drawn: with more the edges cannot be told apart.
const MOST_NODES: usize = 8;
/// The name of no operation.
const NO_EDGE: &str = "none";

/// A cell of a network as a graph: node 0 is its input, every later node takes one operation from each node before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellGraph(Vec<Vec<String>>);

impl CellGraph {
    /// Reads the form of this file's head, such as `cau_cnn_3|max_pool,none`; `None` for any other text. A cell has 2 to 8
    /// nodes besides its input: one node alone would make a cell of every word.
    pub fn read(text: &str) -> Option<Self> {
        let nodes: Vec<Vec<String>> =
            text.split('|').map(|group| group.split(',').map(|name| name.trim().to_string()).collect()).collect();
        let triangle = nodes.iter().enumerate().all(|(index, group)| group.len() == index + 1);
        let named = nodes.iter().flatten().all(|name| !name.is_empty());
        ((2..=MOST_NODES).contains(&nodes.len()) && triangle && named).then_some(Self(nodes))
    }

    /// Number of nodes, without the input.
    pub(super) fn nodes(&self) -> usize {
        self.0.len()
    }

    /// (from, to, operation) of each edge, by the node where it ends.
    pub(super) fn edges(&self) -> impl Iterator<Item = (usize, usize, &str)> {
        let edges = self.0.iter().enumerate().flat_map(|(before, group)| {
            group.iter().enumerate().map(move |(from, name)| (from, before + 1, name.as_str()))
        });
        edges.filter(|(_, _, name)| *name != NO_EDGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_form_and_no_other_text() {
        let cell = CellGraph::read("cau_cnn_3|max_pool,none|skip_connect,none, avg_pool").unwrap();
        assert_eq!(cell.nodes(), 3);
        let edges: Vec<_> = cell.edges().collect();
        assert_eq!(edges, [(0, 1, "cau_cnn_3"), (0, 2, "max_pool"), (0, 3, "skip_connect"), (2, 3, "avg_pool")]);
        for other in ["", "relu", "a|b", "a|b,c|d,e", "a,b|c", "a|,b", "a|b,c|", "|a,b", "a | b, c | d, e, "] {
            assert_eq!(CellGraph::read(other), None, "{other}");
        }
        let of = |nodes: usize| (1..=nodes).map(|n| vec!["a"; n].join(",")).collect::<Vec<_>>().join("|");
        assert_eq!(CellGraph::read(&of(MOST_NODES)).unwrap().edges().count(), 36);
        assert_eq!(CellGraph::read(&of(MOST_NODES + 1)), None);
    }
}
