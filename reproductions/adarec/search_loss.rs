//! The loss of a step of search, or of distillation without search (code).

/// The terms, unweighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SearchLoss {
    /// Cross entropy of the next item, mean over positions that have one.
    pub cross_entropy: f64,
    /// L_emb: between the embeddings.
    pub embedding: f64,
    /// L_hid: between the hidden layers.
    pub hidden: f64,
    /// L_out: between the answers.
    pub output: f64,
    /// L_eff: the cost of the drawn operations; 0 where nothing is searched.
    pub efficiency: f64,
}

impl SearchLoss {
    /// What learning curves show of them: the cross entropy, and what is learnt from a teacher if there is one.
    pub fn parts(&self, distilled: bool) -> Vec<(&'static str, Option<f64>)> {
        let mut parts = vec![("cross entropy", Some(self.cross_entropy))];
        if distilled {
            parts.extend([
                ("embedding loss", Some(self.embedding)),
                ("hidden loss", Some(self.hidden)),
                ("output loss", Some(self.output)),
            ]);
        }
        parts
    }

    /// (1 − γ)·L_CE + γ·(L_emb + L_hid + L_out) + β·L_eff.
    pub fn total(&self, gamma: f64, beta: f64) -> f64 {
        (1.0 - gamma) * self.cross_entropy
            + gamma * (self.embedding + self.hidden + self.output)
            + beta * self.efficiency
    }
}

/// Sums over the batches of an epoch.
#[derive(Default)]
pub struct LossSums {
    batches: usize,
    terms: SearchLoss,
    total: f64,
}

impl LossSums {
    /// Adds the terms of a step and their total.
    pub fn add(&mut self, step: SearchLoss, total: f64) {
        let SearchLoss { cross_entropy, embedding, hidden, output, efficiency } = &mut self.terms;
        *cross_entropy += step.cross_entropy;
        *embedding += step.embedding;
        *hidden += step.hidden;
        *output += step.output;
        *efficiency += step.efficiency;
        self.total += total;
        self.batches += 1;
    }

    /// The mean of the totals.
    pub fn mean(&self) -> f64 {
        self.total / self.batches as f64
    }

    /// The means of the terms.
    pub fn terms(&self) -> SearchLoss {
        let mean = |sum: f64| sum / self.batches as f64;
        let SearchLoss { cross_entropy, embedding, hidden, output, efficiency } = self.terms;
        SearchLoss {
            cross_entropy: mean(cross_entropy),
            embedding: mean(embedding),
            hidden: mean(hidden),
            output: mean(output),
            efficiency: mean(efficiency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::case;

    #[test]
    fn the_total_is_that_of_the_vector() {
        let case = case("adarec.json", "total_search_loss");
        let of = |key: &str| case["inputs"][key].as_f64().unwrap();
        let loss = SearchLoss {
            cross_entropy: of("ce"),
            embedding: of("kd_embedding"),
            hidden: of("kd_hidden"),
            output: of("kd_logits"),
            efficiency: of("efficiency"),
        };
        let want = case["expected"]["total"].as_f64().unwrap();
        assert!((loss.total(of("gamma"), of("beta")) - want).abs() < 1e-9);
    }
}
