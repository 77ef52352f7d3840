//! Where other tools have the metrics of this program, by which names, and what differs.
//!
//! Read in the tools' sources (RecBole 1.2.1, Elliot at 24d8a72, LensKit 2025.8, ranx 0.3.21, trec_eval 9 through
//! pytrec_eval-terrier 0.5.11); `tests/peers/` computes the same lists in those that install from pip.

use std::fmt;

use super::Definition::{
    Ap, Auc, AucByRow, Hr, LogLoss, LooHr, LooMrr, LooNdcg, Map, Mrr, Ndcg, NdcgRd, Precision, Recall,
};
use super::{Definition, Direction, Protocol};

/// A tool that evaluates recommendations or rankings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    RecBole,
    Elliot,
    LensKit,
    Ranx,
    TrecEval,
}

impl Peer {
    pub const ALL: [Self; 5] = [Self::RecBole, Self::Elliot, Self::LensKit, Self::Ranx, Self::TrecEval];

    /// Which of equal scores the tool ranks first.
    pub fn ties(self) -> &'static str {
        match self {
            Self::RecBole => "whichever `torch.topk` returns first, on scores in f32",
            Self::Elliot => "the order in which the recommender lists them",
            Self::LensKit => "the order of the list that it is given",
            Self::Ranx => "whichever `numpy.argsort` of the scores returns first",
            Self::TrecEval => {
                "the later id of the item in the order of bytes, on scores in f32; ranks in the file are ignored"
            }
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RecBole => "RecBole",
            Self::Elliot => "Elliot",
            Self::LensKit => "LensKit",
            Self::Ranx => "ranx",
            Self::TrecEval => "trec_eval",
        })
    }
}

/// What a tool has of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The name under which it has the same formula; `None` if it has none.
    pub same: Option<&'static str>,
    /// What differs in the nearest one, or a remark; may be empty.
    pub remark: &'static str,
}

const fn same(name: &'static str) -> Elsewhere {
    Elsewhere { same: Some(name), remark: "" }
}

const fn but(name: &'static str, remark: &'static str) -> Elsewhere {
    Elsewhere { same: Some(name), remark }
}

const fn differs(remark: &'static str) -> Elsewhere {
    Elsewhere { same: None, remark }
}

const NONE: Elsewhere = Elsewhere { same: None, remark: "" };

impl Elsewhere {
    /// One cell of a table, in Markdown.
    pub fn describe(self) -> String {
        match (self.same, self.remark) {
            (Some(name), "") => format!("`{name}`"),
            (Some(name), remark) => format!("`{name}`, {remark}"),
            (None, "") => "–".into(),
            (None, remark) => format!("differs: {remark}"),
        }
    }
}

impl Definition {
    /// The name of this metric in another tool, or what differs there. With labels of 0 and 1, and lists as long as the
    /// cutoff.
    pub fn elsewhere(self, peer: Peer) -> Elsewhere {
        use Peer::*;
        match (self, peer) {
            (Recall, RecBole | Elliot) => same("Recall"),
            (Recall, LensKit) => differs("`Recall` divides by min(|G|,k)"),
            (Recall, Ranx) => same("recall@k"),
            (Recall, TrecEval) => same("recall_k"),
            (Precision, RecBole | Elliot) => same("Precision"),
            (Precision, LensKit) => but("Precision", "of a shorter list divided by its length"),
            (Precision, Ranx) => same("precision@k"),
            (Precision, TrecEval) => same("P_k"),
            (Ndcg, RecBole) => same("NDCG"),
            (Ndcg, Elliot) => but(
                "nDCGRendle2020",
                "`nDCG` weighs hits by 2^(rating − threshold + 1) − 1, the same where all ratings are equal",
            ),
            (Ndcg | LooNdcg, LensKit) => {
                differs("`NDCG` discounts by max(1, log2 r); with `weight=LogRankWeight(offset=1)` it is the same")
            }
            (Ndcg, Ranx) => same("ndcg@k"),
            (Ndcg, TrecEval) => same("ndcg_cut_k"),
            (NdcgRd, _) => differs("nDCG cuts the list at k, not at min(|G|,k)"),
            (Mrr, RecBole | Elliot) => same("MRR"),
            (Mrr, LensKit) => same("RecipRank"),
            (Mrr, Ranx) => same("mrr@k"),
            (Mrr, TrecEval) => differs("`recip_rank` has no cutoff: give it the first k of each list"),
            (Map, RecBole) => same("MAP"),
            (Map, Elliot) => differs("`MAP` is the mean of the precisions at 1 to k, at hits or not"),
            (Map, LensKit) => but("AveragePrecision", "of a shorter list divided by min(|G|, its length)"),
            (Map, Ranx) => differs("`map@k` divides by |G|"),
            (Map, TrecEval) => differs("`map_cut_k` divides by |G|"),
            (Ap, RecBole | Elliot) => differs("`MAP` has a cutoff"),
            (Ap, LensKit) => but("AveragePrecision", "of complete lists"),
            (Ap, Ranx | TrecEval) => same("map"),
            (Hr | LooHr, RecBole) => same("Hit"),
            (Hr | LooHr, Elliot) => same("HR"),
            (Hr | LooHr, LensKit) => same("Hit"),
            (Hr | LooHr, Ranx) => same("hit_rate@k"),
            (Hr | LooHr, TrecEval) => same("success_k"),
            (LooNdcg, RecBole) => same("NDCG"),
            (LooNdcg, Elliot) => same("nDCG"),
            (LooNdcg, Ranx) => same("ndcg@k"),
            (LooNdcg, TrecEval) => same("ndcg_cut_k"),
            (LooMrr, RecBole | Elliot) => same("MRR"),
            (LooMrr, LensKit) => same("RecipRank"),
            (LooMrr, Ranx) => same("mrr@k"),
            (LooMrr, TrecEval) => differs("`recip_rank` has no cutoff: give it the first k of each list"),
            (Auc, RecBole) => same("AUC"),
            (Auc, Elliot) => {
                differs("`AUC` is the mean over held-out items of the share of a user's unseen items that stand below")
            }
            (AucByRow, _) => NONE,
            (LogLoss, RecBole) => differs("`LogLoss` reads probabilities and clips them at 1e-15"),
            (Auc | LogLoss, _) => NONE,
        }
    }
}

/// A table in Markdown: the metrics by definition, and each tool's name of the same, or what differs; the last row says how
/// each tool orders equal scores.
pub fn elsewhere_table(definitions: &[Definition]) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let name =
        |definition: &Definition| format!("`{}{}`", definition.id(), if definition.needs_cutoff() { "@k" } else { "" });
    let header = std::iter::once("metric here".to_string()).chain(Peer::ALL.map(|peer| peer.to_string()));
    let mut text = line(header.collect());
    text += &line(vec!["---".into(); 1 + Peer::ALL.len()]);
    for definition in definitions {
        let cells = Peer::ALL.map(|peer| definition.elsewhere(peer).describe());
        text += &line(std::iter::once(name(definition)).chain(cells).collect());
    }
    let ties = Peer::ALL.map(|peer| peer.ties().to_string());
    text + &line(std::iter::once("equal scores: first is".to_string()).chain(ties).collect())
}

/// The metrics of a protocol in words: formula, list, ties, direction, and each tool's name of the same or what differs.
pub fn explain(protocol: &Protocol) -> String {
    let line = |what: &str, how: &str| format!("  {what:<11}{how}\n");
    let mut all = String::new();
    for metric in &protocol.metrics {
        let definition = metric.definition();
        let better = if definition.direction() == Direction::HigherIsBetter { "higher" } else { "lower" };
        let ties = if definition == LogLoss { "none" } else { protocol.candidates.ties() };
        all += &format!("{metric}\n");
        all += &line("formula", definition.formula());
        all += &line("list", definition.cutoff_rule());
        all += &line("ties", ties);
        all += &line("better", better);
        for peer in Peer::ALL {
            all += &line(&peer.to_string(), &definition.elsewhere(peer).describe().replace('`', ""));
        }
        all.push('\n');
    }
    all += "of equal scores, first is\n";
    Peer::ALL.iter().for_each(|peer| all += &line(&peer.to_string(), &peer.ties().replace('`', "")));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_says_something_true_of_its_kind() {
        let text = elsewhere_table(Definition::all());
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 2 + Definition::all().len() + 1);
        // Bars inside of cells are escaped, so every row has as many cells as the header.
        let cells = |row: &str| row.replace("\\|", "").matches('|').count();
        assert!(rows.iter().all(|row| cells(row) == 2 + Peer::ALL.len()), "{text}");
        assert!(
            rows[2].starts_with("| `recall@k` | `Recall` | `Recall` | differs: `Recall` divides by min(\\|G\\|,k) |")
        );
    }
}
