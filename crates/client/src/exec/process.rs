//! Runs a command as a shell would: its exit code, its signals, its streams.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Child, Command, ExitStatus};

use crate::failure::{Failure, Locally, Result};
use crate::host::Host;

/// Exit codes of a shell for a command that is not there, or cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;

/// Runs the command with the key in its environment, and returns its exit code.
pub fn run(host: &mut Host<'_>, line: &[OsString], url: &str, key: &str) -> Result<u8> {
    let (program, args) = line.split_first().ok_or_else(|| Failure::usage("there is no command to run"))?;
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(host.env.all());
    // The token is used up, and nobody else's business.
    command.env_remove("TESTWARD_OIDC_TOKEN");
    command.env("TESTWARD_API_KEY", key).env("TESTOPS_API_KEY", key).env("TESTWARD_URL", url);
    match start_and_wait(command, host.input_is_terminal) {
        Ok(status) => Ok(code_of(status)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            host.note(format_args!("error: {}: {error}", program.display()));
            Ok(if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE })
        }
        Err(error) => Err(error).locally(format_args!("running {}", program.display())),
    }
}

#[cfg(unix)]
fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    // As shells say it: 128 and the signal that ended the command.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(not(unix))]
fn code_of(status: ExitStatus) -> u8 {
    status.code().map_or(1, |code| u8::try_from(code).unwrap_or(1))
}

#[cfg(not(unix))]
fn start_and_wait(mut command: Command, _: bool) -> std::io::Result<ExitStatus> {
    command.spawn()?.wait()
}

/// Passes signals on to the command, for as long as it runs.
#[cfg(unix)]
fn start_and_wait(mut command: Command, has_terminal: bool) -> std::io::Result<ExitStatus> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    use signal_hook::iterator::Signals;

    // Caught before the command starts, so that none is lost.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2])?;
    let handle = signals.handle();
    let mut child = command.spawn()?;
    let pid = pid_of(&child);
    let passing = std::thread::spawn(move || {
        for signal in signals.forever() {
            // A terminal sends these to the command as well.
            if !(has_terminal && matches!(signal, SIGINT | SIGQUIT)) {
                pass_on(pid, signal);
            }
        }
    });
    // Waits without reaping: until the last signal was passed on, the number belongs to nobody else.
    let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    while matches!(rustix::process::waitid(rustix::process::WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
    handle.close();
    let _ = passing.join();
    child.wait()
}

#[cfg(unix)]
fn pid_of(child: &Child) -> rustix::process::Pid {
    rustix::process::Pid::from_child(child)
}

#[cfg(unix)]
fn pass_on(pid: rustix::process::Pid, signal: i32) {
    if let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
        // The command may have ended meanwhile.
        let _ = rustix::process::kill_process(pid, signal);
    }
}
