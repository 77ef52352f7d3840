//! Lists of recommended items as files: those that other programs made are read and ranked, ours are written.
//!
//! ```text
//! file → Source (digest, gzip, byte order mark) → lines → rows (asker, item, score) → ListRanking → Evaluation
//! top K of every query → three forms of files
//! ```
//!
//! Three forms are read, told apart by their first line: a table `user,item,score` with a header (commas or tabs), a run file
//! of TREC (`query Q0 item rank score tag`), and lists in JSON, one line a list: `{"query": "7", "items": ["3", "1"],
//! "scores": [0.5, 0.25]}`. With the feature `parquet` a table may be Parquet, too. Ids are the dataset's own. Reading takes the memory of one list, whatever the length of the file.

mod form;
mod found;
mod ids;
mod json;
mod judge;
mod judged;
mod lines;
mod message;
mod pairs;
#[cfg(feature = "parquet")]
mod parquet;
mod ranking;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod write;

pub use form::ListForm;
pub use ids::IdTable;
pub use judge::judge_lists;
pub use judged::{JudgedLists, ListTest};
pub use write::{ListsHeader, NamedLists, write_lists};
