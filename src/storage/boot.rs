//! Which boot of the machine this is: a trail that lost its end under another boot lost it to a power cut, under the
//! same boot to somebody.

/// The boot's id, where the system has one: Linux does.
pub(crate) fn id() -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let id = id.trim();
        (id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
            .then(|| id.to_owned())
    }
    #[cfg(not(target_os = "linux"))]
    None
}
