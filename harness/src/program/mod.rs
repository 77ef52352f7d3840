//! Programs of other people as trials of a spec: what a spec says of one, and running it with all that it starts.
//!
//! A program is run once for a seed, in the folder of the spec, with the environment of [`Environment`]: it reads the split
//! that it is handed as files, trains as it likes, and writes one file of lists.

mod external;
mod output;
mod process;
mod tree;

pub use external::{Environment, ExportFormat, ExternalProgram, Version};
pub use process::{Cost, Watch};
