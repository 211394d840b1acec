//! What allocator and kernel say of this process. Figures that cannot be had are 0.

use std::fs;

use tikv_jemalloc_ctl::{epoch, stats, version};

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Asked for and not given back.
    pub(crate) allocated: u64,
    /// In pages that hold any of it.
    pub(crate) active: u64,
    /// Held by the allocator.
    pub(crate) resident: u64,
    /// Of the whole process, as the kernel counts.
    pub(crate) rss: u64,
    /// Of the machine.
    pub(crate) machine: u64,
}

/// Processor time, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProcessorTime {
    pub(crate) system: u64,
    pub(crate) user: u64,
    pub(crate) children_system: u64,
    pub(crate) children_user: u64,
}

/// Bytes allocated now.
pub(crate) fn allocated() -> u64 {
    // The allocator's figures stand still until they are asked to move on.
    let _ = epoch::advance();
    stats::allocated::read().map_or(0, |bytes| bytes as u64)
}

pub(crate) fn memory() -> Memory {
    Memory {
        allocated: allocated(),
        active: stats::active::read().map_or(0, |bytes| bytes as u64),
        resident: stats::resident::read().map_or(0, |bytes| bytes as u64),
        rss: kilobytes("/proc/self/status", "VmRSS:"),
        machine: kilobytes("/proc/meminfo", "MemTotal:"),
    }
}

/// The allocator's name and version, as in `jemalloc-5.3.0`.
pub(crate) fn allocator() -> String {
    let whole = version::read().unwrap_or("0.0.0");
    format!("jemalloc-{}", whole.split('-').next().unwrap_or(whole))
}

/// Of the process, or of one of its threads, from the numbers in its `stat`: those 14th to 17th are clock ticks, of which Linux has a hundred
/// to the second on every machine we build for.
pub(crate) fn processor_time(of: &str) -> ProcessorTime {
    let text = fs::read_to_string(of).unwrap_or_default();
    // The second field is the program's name in brackets, which may hold anything.
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    let mut ticks = behind.split_whitespace().skip(11).map(|field| field.parse::<u64>().unwrap_or(0).saturating_mul(10_000));
    let mut next = || ticks.next().unwrap_or(0);
    let (user, system, children_user, children_system) = (next(), next(), next(), next());
    ProcessorTime { system, user, children_system, children_user }
}

/// Name and release of the operating system, and the processor: `Linux 6.1.0 x86_64`.
pub(crate) fn system() -> String {
    let read = |path| fs::read_to_string(path).map(|text| text.trim_end().to_owned()).unwrap_or_default();
    format!("{} {} {}", read("/proc/sys/kernel/ostype"), read("/proc/sys/kernel/osrelease"), std::env::consts::ARCH)
}

/// The line `field   123 kB` of a file of the kernel, in bytes.
fn kilobytes(path: &str, field: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    let number = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
    number.saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_and_the_allocator_answer() {
        let memory = memory();
        assert!(memory.rss > 0 && memory.machine > memory.rss, "{memory:?}");
        assert!(allocator().starts_with("jemalloc-5."), "{}", allocator());
        assert!(system().starts_with("Linux "), "{}", system());
        let _ = processor_time("/proc/self/stat");
        assert_eq!(processor_time("/nonesuch").user, 0);
    }
}
