//! The folders of a command.

use std::path::PathBuf;

use clap::Args;

use crate::values::folder;

/// Folders.
#[derive(Args, Clone)]
pub struct Places {
    /// Repository, with `data-manifests/` and `reproductions/` [default: this folder or the nearest one above it, else the one
    /// that is compiled into the program]
    #[arg(long, env = "REPRISE_HOME", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// Folder of fetched data, saved states and models [default: the system's cache folder]
    #[arg(long, env = "REPRISE_CACHE", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub cache: Option<PathBuf>,
    /// Folder with copies of data files, which is searched before the network
    #[arg(long, env = "REPRISE_MIRROR", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub mirror: Option<PathBuf>,
    /// Folder of records and reports [default: `results` in the repository; of a spec outside of it, beside the spec; where the
    /// repository is the program's own, in this folder]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
}
