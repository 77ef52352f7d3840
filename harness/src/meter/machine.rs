//! The machine that a run takes place on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Arithmetic that a result was computed with. Every CPU gives the same bits, whatever its class; a CUDA device sums in
/// another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arithmetic {
    Cpu,
    Cuda,
}

impl Arithmetic {
    /// Arithmetic of a device, given as in records: `cpu`, or `cuda:0` and the name of the device.
    pub fn of_device(device: &str) -> Self {
        if device.starts_with("cuda") { Self::Cuda } else { Self::Cpu }
    }

    /// Folder that keeps results of this arithmetic apart; `None` for the CPU, whose results have no folder of their own.
    pub(crate) fn folder(self) -> Option<&'static str> {
        match self {
            Self::Cpu => None,
            Self::Cuda => Some("cuda"),
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        })
    }
}

/// Name of this machine in its network, where the system tells it. No record keeps it.
pub fn host_name() -> Option<String> {
    sysinfo::System::host_name().ok()
}

/// The machine that a run took place on. Times can be compared only between runs on the same processor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Architecture, widest vector unit and, off the CPU, the kind of device: `x86_64-avx512`,
    /// `x86_64-avx512-cuda`.
    pub class: String,
    /// Name of the processor, where the system tells it.
    pub cpu: Option<String>,
    /// Logical processors that this process may use.
    pub cores: usize,
    /// Installed memory, where the system tells it.
    pub memory_bytes: Option<u64>,
    /// Name and version of the operating system.
    pub os: String,
    /// Vector instruction sets that the kernels could use, sorted.
    pub simd: Vec<String>,
}

impl Machine {
    /// This machine; `device`, given as in records (`cpu`, or `cuda:0` and a name), is part of its class.
    pub fn here(device: &str) -> Self {
        use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(what).ok();
        let cpu = system.as_ref().and_then(|system| system.cpus().first()).map(|cpu| cpu.brand().trim().to_string());
        let simd = simd();
        Self {
            class: class(std::env::consts::ARCH, &simd, device),
            cpu: cpu.filter(|name| !name.is_empty()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_bytes: system.map(|system| system.total_memory()),
            os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_string()),
            simd: simd.into_iter().map(String::from).collect(),
        }
    }
}

fn class(arch: &str, simd: &[&str], device: &str) -> String {
    let has = |name: &str| simd.contains(&name);
    // Kernels are chosen by whole levels of the x86-64 psABI, not by single features.
    let level = if ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"].iter().all(|name| has(name)) {
        "-avx512"
    } else if has("avx2") && has("fma") {
        "-avx2"
    } else if has("neon") {
        "-neon"
    } else {
        ""
    };
    let device = if Arithmetic::of_device(device) == Arithmetic::Cuda { "-cuda" } else { "" };
    format!("{arch}{level}{device}")
}

#[cfg(target_arch = "x86_64")]
fn simd() -> Vec<&'static str> {
    macro_rules! detected {
        ($($name:tt),*) => {
            [$(($name, std::is_x86_feature_detected!($name))),*]
        };
    }
    let all = detected!(
        "avx",
        "avx2",
        "avx512bw",
        "avx512cd",
        "avx512dq",
        "avx512f",
        "avx512vl",
        "avx512vnni",
        "f16c",
        "fma"
    );
    all.into_iter().filter(|(_, here)| *here).map(|(name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn simd() -> Vec<&'static str> {
    if cfg!(target_feature = "neon") { vec!["neon"] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let v4 = ["avx2", "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl", "fma"];
        assert_eq!(class("x86_64", &v4, "cpu"), "x86_64-avx512");
        assert_eq!(class("x86_64", &v4, "cuda:0 Example"), "x86_64-avx512-cuda");
        assert_eq!(class("x86_64", &["avx2", "avx512f", "fma"], "cpu"), "x86_64-avx2");
        assert_eq!(class("x86_64", &[], "cpu"), "x86_64");
        assert_eq!(class("aarch64", &["neon"], "cpu"), "aarch64-neon");
    }

    #[test]
    fn knows_this_machine() {
        let machine = Machine::here("cpu");
        assert!(machine.class.starts_with(std::env::consts::ARCH), "{machine:?}");
        assert!(machine.cores >= 1 && machine.memory_bytes.is_none_or(|bytes| bytes > 1 << 20), "{machine:?}");
        assert!(!machine.os.is_empty(), "{machine:?}");
    }
}
