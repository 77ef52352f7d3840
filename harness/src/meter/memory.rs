//! Peak resident memory of a stretch of work.

/// Measures the peak from its creation on, where the system lets the mark be reset (Linux).
pub struct PeakMemory(());

impl PeakMemory {
    pub fn start() -> Self {
        give_back_free_memory();
        // "5" resets VmHWM (proc(5)); without permission the mark stays, which is still a bound.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self(())
    }

    /// Bytes; `None` where the system does not say.
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn sees_a_large_allocation() {
        let peak = PeakMemory::start();
        let before = peak.bytes().unwrap();
        let large = vec![1u8; 64 << 20];
        assert!(large.iter().step_by(4096).all(|&b| b == 1));
        assert!(peak.bytes().unwrap() >= before + (48 << 20));
    }
}
