//! Who is writing? For the text of an error, so best effort: it never fails and never waits.

use super::registry::FileId;

/// Names the process that holds the writer byte of the file, such as `python3 (pid 4242)`.
#[cfg(target_os = "linux")]
pub(super) fn name(file: FileId) -> String {
    search(file).unwrap_or_else(|| "another process".to_owned())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn name(_: FileId) -> String {
    "another process".to_owned()
}

// `/proc/locks` names no owner for locks on open file descriptions (its pid is -1); the `fdinfo` of the
// descriptor does. Other users' processes can't be looked into.
#[cfg(target_os = "linux")]
fn search(file: FileId) -> Option<String> {
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|text| text.parse::<u32>().ok()) else { continue };
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else { continue };
        for descriptor in descriptors.flatten() {
            // Through the link: the file that is open, not the link itself.
            let Ok(meta) = std::fs::metadata(descriptor.path()) else { continue };
            if FileId::of(&meta) != file {
                continue;
            }
            let info = process.path().join("fdinfo").join(descriptor.file_name());
            if std::fs::read_to_string(info).is_ok_and(|text| text.lines().any(holds_writer_byte)) {
                let comm = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                let own = if pid == std::process::id() { ", this process" } else { "" };
                return Some(format!("{} (pid {pid}{own})", comm.trim_end()));
            }
        }
    }
    None
}

// lock:	1: OFDLCK  ADVISORY  WRITE -1 fe:00:1835 4611686018427387904 4611686018427387904
#[cfg(target_os = "linux")]
fn holds_writer_byte(line: &str) -> bool {
    let mut words = line.split_whitespace();
    if words.next() != Some("lock:") || !line.contains("WRITE") {
        return false;
    }
    let mut ends = words.rev();
    let (last, first) = (ends.next(), ends.next());
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    match (number(first), last) {
        (Some(first), Some("EOF")) => first <= super::patient::WRITER_BYTE,
        (Some(first), last) => (first..=number(last).unwrap_or(0)).contains(&super::patient::WRITER_BYTE),
        _ => false,
    }
}
