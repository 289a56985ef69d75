//! What belongs to the process as a whole: its signals, its limits and its environment variables.

use anyhow::{Context, Result};

use super::threads;

/// Calls `handler` at every signal that asks the program to end. One that whoever started it has
/// set to be ignored, as `nohup` does, stays ignored. To be called once a process.
///
/// # Errors
/// When the system refuses the handler, or its thread.
pub fn on_stop(handler: impl FnMut() + Send + 'static) -> Result<()> {
    threads::expect_another()?;
    let ignored = ignored();
    ctrlc::set_handler(handler).context("cannot watch for signals")?;
    ignored.into_iter().for_each(ignore);
    Ok(())
}

/// After this call, a write that exceeds the user's file-size limit is an error instead of ending
/// the process.
pub fn ignore_file_size_limit() {
    #[cfg(unix)]
    ignore(libc::SIGXFSZ);
}

/// Removes environment variables that are set but empty: they count as unset, but not for every
/// library. Call it while the process has a single thread.
pub fn drop_empty_variables() {
    for (name, _) in std::env::vars_os().filter(|(_, value)| value.is_empty()) {
        // SAFETY: no other thread reads the environment meanwhile: there is none.
        unsafe { std::env::remove_var(name) };
    }
}

/// The name of this machine, or nothing where the system does not tell.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name =
        name.or_else(|| std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok());
    name.unwrap_or_default().trim().to_owned()
}

/// The CPU's own name; empty if the system does not report it.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": ")).map(|(_, name)| name.to_owned()).unwrap_or_default()
}

/// Asks a process to end cleanly, as with SIGTERM. A process that has already ended is not an
/// error.
#[cfg(unix)]
pub fn ask_to_end(process: u32) {
    let Ok(process) = libc::pid_t::try_from(process) else { return };
    // SAFETY: a signal to another process touches no memory of this one.
    unsafe { libc::kill(process, libc::SIGTERM) };
}

/// On this system there is no way to ask a process to end cleanly.
#[cfg(not(unix))]
pub fn ask_to_end(_: u32) {}

/// Whether there is a process of that number on this machine.
#[cfg(unix)]
pub fn is_alive(process: u32) -> bool {
    let Ok(process) = libc::pid_t::try_from(process) else { return false };
    // SAFETY: signal 0 is none: the system only says whether one could be sent.
    let sent = unsafe { libc::kill(process, 0) };
    sent == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Whether there is a process of that number cannot be told.
#[cfg(not(unix))]
pub fn is_alive(_: u32) -> bool {
    true
}

#[cfg(unix)]
fn ignored() -> Vec<i32> {
    let is_ignored = |signal: &i32| {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: without a new action the call only writes the present one, into room for one;
        // zeros are a valid action where it fails.
        let action = unsafe {
            libc::sigaction(*signal, std::ptr::null(), action.as_mut_ptr());
            action.assume_init()
        };
        action.sa_sigaction == libc::SIG_IGN
    };
    [libc::SIGHUP, libc::SIGINT, libc::SIGTERM].into_iter().filter(is_ignored).collect()
}

#[cfg(unix)]
fn ignore(signal: i32) {
    // SAFETY: no handler of this program's is installed.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

#[cfg(not(unix))]
fn ignored() -> Vec<i32> {
    Vec::new()
}

#[cfg(not(unix))]
fn ignore(_: i32) {}
