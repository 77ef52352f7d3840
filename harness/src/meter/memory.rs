//! Peak resident memory, and a check that something fits into memory before it is allocated.

use super::Machine;
use crate::error::{Error, Kind, Result};

/// Peak resident memory of this process since [`start`](Self::start), where the system lets the peak be reset (Linux).
pub struct PeakMemory(());

impl PeakMemory {
    /// Resets the peak.
    pub fn start() -> Self {
        give_back_free_memory();
        // "5" resets VmHWM (proc(5)); without permission it stays, and is an upper bound.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self(())
    }

    /// The peak in bytes; `None` where the system does not tell it.
    pub fn bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }
}

/// What earlier runs of the process freed counts as resident until the allocator gives it back.
#[allow(unsafe_code)]
fn give_back_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim has no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Refuses an allocation that is larger than this machine's memory: one that fails ends the process, and with it the
/// other runs. `values` are factors of the number of values, and `bytes_each` is the size of one of them; `what` names
/// the allocation in the message.
///
/// # Errors
/// [`Input`](Kind::Input) with the size that is needed and the size of the memory; the caller adds the hint, because it
/// knows which option makes it smaller.
pub fn check_fits(what: &str, values: impl IntoIterator<Item = usize>, bytes_each: usize) -> Result<()> {
    let product = values.into_iter().try_fold(bytes_each as u64, |all, n| all.checked_mul(n as u64));
    let needed = product.unwrap_or(u64::MAX);
    match Machine::here("cpu").memory_bytes {
        Some(there) if needed > there => Err(Error::new(Kind::Input, format!("{what} does not fit into memory"))
            .expected(format!("at most {:.1} GiB, all that this machine has", gib(there)))
            .got(format!("{:.1} GiB", gib(needed)))),
        _ => Ok(()),
    }
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn sees_a_large_allocation() {
        let peak = PeakMemory::start();
        let before = peak.bytes().unwrap();
        let large = vec![1u8; 512 << 20];
        assert!(large.iter().step_by(4096).all(|&b| b == 1));
        // Other tests of this process free memory meanwhile, but not as much.
        assert!(peak.bytes().unwrap() >= before + (256 << 20));
    }
}
