//! What this machine calls itself.

use std::ffi::CStr;
use std::io;

/// The name of this machine, as `hostname` prints it.
///
/// # Errors
/// Those of `gethostname`, and `InvalidData` when the name is not UTF-8.
pub fn host_name() -> io::Result<String> {
    // POSIX allows 255 bytes, and does not promise a NUL after a name that was cut.
    let mut name = [0_u8; 256];
    // SAFETY: the call writes at most the given length, one less than the buffer has, so that the
    // last byte stays NUL.
    if unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) } != 0 {
        return Err(io::Error::last_os_error());
    }
    CStr::from_bytes_until_nul(&name)
        .ok()
        .and_then(|name| name.to_str().ok())
        .map(str::to_owned)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the host name is not UTF-8"))
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_host_name_is_what_the_kernel_says() {
        let expected = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(super::host_name().unwrap(), expected.trim_end());
    }
}
