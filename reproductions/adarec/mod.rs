//! AdaRec: distillation into a student whose architecture is searched (Chen, Yuan, Yang, Li and Yang; arXiv 2107.07173).
//!
//! "(code)" stands for the anonymous repository that carries the paper's title, Anonymous-2611/AdaRec. The paper's text was
//! not at hand.
//!
//! ```text
//! operation → architecture (one operation for each edge of a cell) ← relaxation (α, drawn from by Gumbel noise)
//! student: tables → cells, each: taps → convolutions, batch norm → nodes → mixture, layer norm → representation
//! losses: embedding loss, hidden loss (layer map or transport), efficiency; cross entropy and output loss are the models'
//! baseline: plain distillation, into a smaller network of a teacher's kind
//! ```

pub mod architecture;
mod batch_norm;
mod cell;
pub mod control;
mod convolutions;
pub mod distiller;
pub mod encoder;
pub mod hidden_loss;
pub mod layer_flow;
pub mod learner;
mod method;
mod network_learner;
pub mod operation;
pub mod options;
mod pass;
mod plain_kd;
mod pooling;
pub mod projection;
pub mod relaxation;
pub mod search_loss;
mod serve;
pub mod student;
pub mod student_sizes;
pub mod teacher_answers;
pub mod transport;

pub use self::method::{build_search, build_student};
pub use self::plain_kd::build_plain_kd;
pub use self::serve::{SEARCH, STUDENT, scorer, search_scorer};

#[cfg(test)]
mod tests;
