//! How much memory is available: an allocation that would not fit is refused with its name and
//! size, before the system kills the program.

use std::fs;

use anyhow::{Result, ensure};

const GIB: f64 = (1u64 << 30) as f64;

/// Refuses what needs more than is available; `what` names it with the key that decides its size.
///
/// # Errors
/// `what`, the memory that it needs, and the memory that is available.
pub fn ensure_fits(bytes: u64, what: impl FnOnce() -> String) -> Result<()> {
    let free = available();
    let gib = |bytes: u64| bytes as f64 / GIB;
    ensure!(
        bytes <= free,
        "{}: this needs {:.1} GiB of memory, but only {:.1} GiB are available; choose a smaller \
         size",
        what(),
        gib(bytes),
        gib(free)
    );
    Ok(())
}

/// The bytes that can still be had: of the machine with its swap, of the container, and of the
/// limit on the process (`ulimit -v`). As good as endless where the system tells nothing.
pub fn available() -> u64 {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let limits = [
        of_machine(&read("/proc/meminfo")),
        of_process(&read("/proc/self/limits"), &read("/proc/self/status")),
        of_container(&read("/sys/fs/cgroup/memory.max"), &read("/sys/fs/cgroup/memory.stat")),
    ];
    limits.into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// The most bytes that this process has had in memory at once; `None` if the system does not report it.
pub fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(1024 * number_after(&status, "VmHWM:")?)
}

fn of_machine(meminfo: &str) -> Option<u64> {
    Some(1024 * (number_after(meminfo, "MemAvailable:")? + number_after(meminfo, "SwapFree:")?))
}

fn of_process(limits: &str, status: &str) -> Option<u64> {
    let limit = number_after(limits, "Max address space")?;
    Some(limit.saturating_sub(1024 * number_after(status, "VmSize:")?))
}

fn of_container(max: &str, stat: &str) -> Option<u64> {
    Some(max.trim().parse::<u64>().ok()?.saturating_sub(number_after(stat, "anon ")?))
}

/// The number that follows `name` at the beginning of a line.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_is_left() {
        let meminfo = "MemTotal: 9 kB\nMemAvailable:    5 kB\nSwapFree:   2 kB\n";
        assert_eq!(of_machine(meminfo), Some(7 * 1024));
        assert_eq!(of_machine(""), None);
        let limits =
            |soft| format!("Limit  Soft\nMax address space         {soft}  unlimited  bytes\n");
        assert_eq!(of_process(&limits("5000"), "VmSize:\t  2 kB\n"), Some(5000 - 2048));
        assert_eq!(of_process(&limits("1000"), "VmSize:\t  2 kB\n"), Some(0));
        assert_eq!(of_process(&limits("unlimited"), "VmSize:\t  2 kB\n"), None);
        assert_eq!(of_container("4096\n", "anon 96\nfile 7\n"), Some(4000));
        assert_eq!(of_container("max\n", "anon 96\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_does_not_fit_is_named_with_its_size() {
        ensure_fits(1, || unreachable!("a byte fits")).unwrap();
        let error = ensure_fits(3 << 60, || "data.size = 9".to_string()).unwrap_err().to_string();
        assert!(error.starts_with("data.size = 9: this needs 3221225472.0 GiB"), "{error}");
    }
}
