//! Running one external tool to its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::tool::{Tool, ToolError};

/// Long enough for the synthesis of a whole accelerator, short enough that a hang is noticed the same day.
const DEFAULT_LIMIT: Duration = Duration::from_secs(3600);

/// How many lines of output an error repeats.
const TAIL_LINES: usize = 12;

/// One call of one tool: arguments, working folder, time limit, log.
///
/// Relative arguments are relative to the working folder. The WebAssembly builds of Yosys and nextpnr put a folder of
/// their own in the place of `/tmp`, so a file that may lie there must be named relatively; [`Invocation::relative`]
/// does that.
#[derive(Debug)]
pub struct Invocation {
    tool: Tool,
    command: Command,
    folder: Option<PathBuf>,
    limit: Duration,
    log: Option<PathBuf>,
    transcript: Option<PathBuf>,
}

/// What a tool left behind, whatever its exit status.
#[derive(Clone, Debug)]
pub struct Finished {
    pub status: ExitStatus,
    /// With a log or a transcript, of both streams as they were written.
    pub stdout: String,
    pub stderr: String,
    /// The command line, quoted for a shell, with its working folder.
    pub command: String,
    tool: Tool,
    log: Option<PathBuf>,
}

impl Invocation {
    /// # Errors
    /// [`ToolError::Missing`] and [`ToolError::Misnamed`] as [`Tool::find`].
    pub fn new(tool: Tool) -> Result<Self, ToolError> {
        Ok(Invocation::of(tool, &tool.find()?.program))
    }

    /// A call of a tool that was found already, or of a program that the tool made.
    pub(crate) fn of(tool: Tool, program: &Path) -> Self {
        Invocation {
            tool,
            command: Command::new(program),
            folder: None,
            limit: DEFAULT_LIMIT,
            log: None,
            transcript: None,
        }
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, variable: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(variable, value);
        self
    }

    /// The folder the tool works in; without it, the current one.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        self.command.current_dir(&folder);
        self.folder = Some(folder);
        self
    }

    /// After this long the tool and everything it started are killed. An hour if not given.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Where the command line and the whole output go: while the tool runs, unless it writes a transcript itself.
    /// Without it, only a failure leaves a log, in the system's folder for temporary files.
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// A file, perhaps that of the log, into which the tool writes all that it prints; if it did, its contents stand for both
    /// streams.
    pub(super) fn transcript(mut self, path: impl Into<PathBuf>) -> Self {
        self.transcript = Some(path.into());
        self
    }

    /// `path` as seen from the working folder.
    pub fn relative(&self, path: &Path) -> PathBuf {
        let folder = self.folder.as_deref().unwrap_or(Path::new("."));
        relative_to(folder, path)
    }

    /// Runs the tool; an exit status other than zero is an error.
    ///
    /// # Errors
    /// [`ToolError::Failed`], and as [`Invocation::finish`].
    pub fn run(self) -> Result<Finished, ToolError> {
        self.finish()?.success()
    }

    /// Runs the tool to its end; the exit status is the caller's to judge.
    ///
    /// # Errors
    /// [`ToolError::Start`], [`ToolError::TimedOut`], [`ToolError::Io`] when its log cannot be written.
    pub fn finish(mut self) -> Result<Finished, ToolError> {
        unless_terminated();
        let command = self.command_line();
        let start_error = |source| ToolError::Start { tool: self.tool, command: command.clone(), source };
        if let Some(path) = self.transcript.as_deref().filter(|path| path.exists()) {
            // What an earlier run left there is not what this one prints.
            File::create(path).map_err(|source| ToolError::Io { path: path.to_path_buf(), source })?;
        }
        let output = match self.log.as_deref().filter(|_| self.transcript.is_none()) {
            Some(path) => Output::log(path, &command)?,
            None => Output::apart().map_err(start_error)?,
        };
        let (stdout, stderr) = output.streams().map_err(start_error)?;
        let started = Instant::now();
        let mut child = self.command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().map_err(start_error)?;
        let status = wait(&mut child, started, self.limit).map_err(start_error)?;
        // That its tool was killed is nothing to report.
        unless_terminated();

        let (stdout, stderr) = output.read().map_err(start_error)?;
        let mut finished =
            Finished { status: status.unwrap_or_default(), stdout, stderr, command, tool: self.tool, log: None };
        let transcript = self.transcript.as_ref().map(std::fs::read).and_then(Result::ok);
        if let Some(bytes) = transcript.filter(|bytes| !bytes.is_empty()) {
            finished.stdout = String::from_utf8_lossy(&bytes).into_owned();
            finished.stderr = String::new();
        }
        if let Some(path) = self.log {
            if self.transcript.is_some() {
                write_log(&path, &finished)?;
            }
            finished.log = Some(path);
        }
        if status.is_none() {
            finished.keep_log();
            return Err(ToolError::TimedOut {
                tool: self.tool,
                limit: self.limit,
                tail: finished.tail(),
                command: finished.command,
                log: finished.log,
            });
        }
        Ok(finished)
    }

    fn command_line(&self) -> String {
        let folder = self.folder.iter().map(|f| format!("cd {} && ", quoted(f.as_os_str())));
        let variables =
            self.command.get_envs().filter_map(|(k, v)| Some(format!("{}={} ", k.to_string_lossy(), quoted(v?))));
        let words =
            std::iter::once(self.command.get_program()).chain(self.command.get_args()).map(quoted).collect::<Vec<_>>();
        folder.chain(variables).collect::<String>() + &words.join(" ")
    }
}

impl Finished {
    /// # Errors
    /// [`ToolError::Failed`] when the exit status is not zero.
    pub fn success(mut self) -> Result<Self, ToolError> {
        if self.status.success() {
            return Ok(self);
        }
        self.keep_log();
        Err(ToolError::Failed {
            tool: self.tool,
            status: self.status.to_string(),
            tail: self.tail(),
            command: self.command,
            log: self.log,
        })
    }

    /// The error of a tool that succeeded and whose output makes no sense.
    pub fn unreadable(mut self, what: impl Into<String>) -> ToolError {
        self.keep_log();
        ToolError::Unreadable { tool: self.tool, what: what.into(), command: self.command, log: self.log }
    }

    /// Where the streams are apart, standard error comes last: it counts more.
    fn tail(&self) -> String {
        let lines: Vec<&str> = self.stdout.lines().chain(self.stderr.lines()).collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Leaves a log if none was asked for. A log that cannot be written must not hide the failure it is about.
    fn keep_log(&mut self) {
        if self.log.is_none() {
            let kept = tempfile::Builder::new()
                .prefix(&format!("logloom-{}-", self.tool))
                .suffix(".log")
                .tempfile()
                .ok()
                .and_then(|file| file.keep().ok());
            self.log = kept.and_then(|(_, path)| write_log(&path, self).is_ok().then_some(path));
        }
    }
}

fn write_log(path: &Path, finished: &Finished) -> Result<(), ToolError> {
    let mut file = start_log(path, &finished.command)?;
    let mut write = |text: &str| file.write_all(text.as_bytes());
    write(&finished.stdout)
        .and_then(|()| write(&finished.stderr))
        .map_err(|source| ToolError::Io { path: path.to_path_buf(), source })
}

/// A log with the command alone.
fn start_log(path: &Path, command: &str) -> Result<File, ToolError> {
    let start = || -> std::io::Result<File> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        File::create(path)?;
        // Whoever writes, also what outlives its tool, adds to the end.
        let mut file = File::options().append(true).open(path)?;
        writeln!(file, "$ {command}")?;
        Ok(file)
    };
    start().map_err(|source| ToolError::Io { path: path.to_path_buf(), source })
}

/// What a tool writes into. Files, not pipes: a grandchild that outlives the tool cannot keep us waiting, and nothing can fill up.
enum Output<'a> {
    /// Both streams into the log, which begins with the command.
    Log {
        path: &'a Path,
        file: File,
        command: u64,
    },
    Apart {
        stdout: File,
        stderr: File,
    },
}

impl<'a> Output<'a> {
    fn log(path: &'a Path, command: &str) -> Result<Self, ToolError> {
        let file = start_log(path, command)?;
        let size = file.metadata().map_err(|source| ToolError::Io { path: path.to_path_buf(), source })?.len();
        Ok(Output::Log { path, file, command: size })
    }

    fn apart() -> std::io::Result<Self> {
        Ok(Output::Apart { stdout: tempfile::tempfile()?, stderr: tempfile::tempfile()? })
    }

    /// Those of a tool.
    fn streams(&self) -> std::io::Result<(File, File)> {
        let (stdout, stderr) = match self {
            Output::Log { file, .. } => (file, file),
            Output::Apart { stdout, stderr } => (stdout, stderr),
        };
        Ok((stdout.try_clone()?, stderr.try_clone()?))
    }

    /// What was written.
    fn read(self) -> std::io::Result<(String, String)> {
        let contents = |mut file: File, begin: u64| -> std::io::Result<String> {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(begin))?;
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        match self {
            Output::Log { path, command, .. } => Ok((contents(File::open(path)?, command)?, String::new())),
            Output::Apart { stdout, stderr } => Ok((contents(stdout, 0)?, contents(stderr, 0)?)),
        }
    }
}

/// The exit status, or nothing when the limit passed and the tool was killed.
fn wait(child: &mut Child, started: Instant, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let Some(left) = limit.checked_sub(started.elapsed()) else {
            kill_tree(child)?;
            return Ok(None);
        };
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Kills the tool and what it started (Verilator runs perl, make and the compiler). They are not put into a process
/// group of their own, because then an interrupt from the keyboard would no longer reach them.
fn kill_tree(child: &mut Child) -> std::io::Result<()> {
    let family = descendants(child.id());
    child.kill()?;
    kill(&family);
    child.wait()?;
    Ok(())
}

/// Best effort: most of them end by themselves once their parent is gone.
fn kill(processes: &[u32]) {
    if !processes.is_empty() {
        let _ = Command::new("kill")
            .arg("-KILL")
            .args(processes.iter().map(u32::to_string))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// Set before the tools are killed.
static TERMINATED: AtomicBool = AtomicBool::new(false);

/// Does not return once the process is about to end.
fn unless_terminated() {
    while TERMINATED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// From here on a SIGTERM, which reaches this process alone, ends the tools that it runs, and then the process.
///
/// # Errors
/// The system refuses a handler or a thread.
#[cfg(unix)]
pub fn terminate_with_tools() -> std::io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
    let wait = move || {
        for signal in signals.forever() {
            TERMINATED.store(true, Ordering::SeqCst);
            kill(&descendants(std::process::id()));
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    };
    std::thread::Builder::new().spawn(wait).map(|_| ())
}

/// Nothing there sends a signal to a process alone.
#[cfg(not(unix))]
pub fn terminate_with_tools() -> std::io::Result<()> {
    Ok(())
}

/// Process numbers of everything below `ancestor`. Empty where `ps` is not to be had.
fn descendants(ancestor: u32) -> Vec<u32> {
    let Ok(listing) = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).stdin(Stdio::null()).output() else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&listing.stdout);
    let edges: Vec<(u32, u32)> = text
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .collect();
    let mut family = vec![ancestor];
    let mut next = 0;
    while next < family.len() {
        let parent = family[next];
        family.extend(edges.iter().filter(|e| e.1 == parent).map(|e| e.0));
        next += 1;
    }
    family.split_off(1)
}

/// The folder in which the first file lies.
pub(super) fn folder_of(files: &[impl AsRef<Path>]) -> &Path {
    match files.first().and_then(|file| file.as_ref().parent()) {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `path` as seen from `folder`; both may be relative to the current folder.
fn relative_to(folder: &Path, path: &Path) -> PathBuf {
    let absolute = |p: &Path| p.canonicalize().or_else(|_| std::path::absolute(p));
    // A file still to be written has no canonical form, its folder has.
    let target = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            absolute(parent).map(|p| p.join(name))
        }
        _ => absolute(path),
    };
    let (Ok(folder), Ok(target)) = (absolute(folder), target) else {
        return path.to_path_buf();
    };
    let shared = folder.components().zip(target.components()).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", folder.components().count() - shared);
    let relative: PathBuf =
        up.map(OsString::from).chain(target.components().skip(shared).map(|c| c.as_os_str().to_os_string())).collect();
    if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Invocation {
        Invocation::of(Tool::Make, Path::new("sh")).args(["-c", script])
    }

    #[test]
    fn output_is_captured_without_a_limit_on_its_size() {
        let done = shell("seq 100000; echo problem >&2").run().unwrap();
        assert_eq!(done.stdout.lines().count(), 100_000);
        assert_eq!(done.stderr, "problem\n");
    }

    #[test]
    fn a_failure_names_tool_status_command_last_lines_and_log() {
        let error = shell("seq 100; echo 'it broke' >&2; exit 3").run().unwrap_err();
        let text = error.to_string();
        for part in ["make failed", "exit status: 3", "sh -c 'seq", "| it broke"] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
        assert!(!text.contains("| 50\n"), "too much of the output: {text}");
        let ToolError::Failed { log: Some(log), .. } = error else { panic!("no log: {text}") };
        assert!(text.contains(&*log.to_string_lossy()));
        let logged = std::fs::read_to_string(&log).unwrap();
        assert!(logged.contains("\n50\n") && logged.ends_with("it broke\n"));
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn death_by_a_signal_is_told_from_an_exit() {
        let error = shell("kill -SEGV $$").run().unwrap_err();
        assert!(error.to_string().contains("signal: 11"), "{error}");
        if let ToolError::Failed { log: Some(log), .. } = error {
            std::fs::remove_file(log).unwrap();
        }
    }

    #[test]
    fn a_time_out_kills_grandchildren_too() {
        let folder = tempfile::tempdir().unwrap();
        let late = folder.path().join("late");
        let log = folder.path().join("log");
        let script = format!("(sleep 1; touch {}) & echo waiting; wait", late.display());
        let error = shell(&script).limit(Duration::from_millis(200)).log(&log).run().unwrap_err();
        assert!(error.to_string().contains("stopped after 0.2 s"), "{error}");
        assert!(std::fs::read_to_string(log).unwrap().ends_with("\nwaiting\n"));
        std::thread::sleep(Duration::from_millis(1200));
        assert!(!late.exists(), "the grandchild went on");
    }

    #[test]
    fn the_log_grows_while_the_tool_runs() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        // It waits until it finds its own words there, of both streams in the order in which they were written.
        let script = "echo one; echo two >&2\n\
            for i in $(seq 100); do grep -qx two log && cp log seen && exit; sleep 0.1; done; exit 1";
        let done = shell(script).folder(folder.path()).log(&log).run().unwrap();
        assert_eq!(done.stdout, "one\ntwo\n");
        let seen = std::fs::read_to_string(folder.path().join("seen")).unwrap();
        assert!(seen.starts_with("$ cd ") && seen.ends_with("\none\ntwo\n"), "{seen}");
        assert_eq!(done.stderr, "");
    }

    #[test]
    fn a_log_that_cannot_be_written_is_an_error_before_the_tool_runs() {
        let folder = tempfile::tempdir().unwrap();
        let call = |script| shell(script).folder(folder.path());
        // A folder stands where the file should.
        let error = call("touch ran").log(folder.path()).run().unwrap_err();
        assert!(matches!(&error, ToolError::Io { path, .. } if path == folder.path()), "{error}");
        let error = call("touch ran").transcript(folder.path()).run().unwrap_err();
        assert!(matches!(&error, ToolError::Io { path, .. } if path == folder.path()), "{error}");
        assert!(!folder.path().join("ran").exists());
    }

    #[test]
    fn what_outlives_its_tool_does_not_write_over_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let done = shell("echo one; (sleep 0.3; echo late) & true").log(&log).run().unwrap();
        assert_eq!(done.stdout, "one\n");
        std::thread::sleep(Duration::from_millis(600));
        assert!(std::fs::read_to_string(&log).unwrap().ends_with("\none\nlate\n"));
    }

    #[test]
    fn a_transcript_of_an_earlier_run_is_not_taken_for_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "before").unwrap();
        let run = |script| shell(script).folder(folder.path()).log(&log).transcript(&log).run().unwrap();
        assert_eq!(run("echo now").stdout, "now\n");
        assert_eq!(run("echo lost; echo all >log").stdout, "all\n");
        assert!(std::fs::read_to_string(&log).unwrap().ends_with("\nall\n"));
    }

    #[test]
    fn the_log_can_be_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("new/folder/log");
        shell("echo \"it's $X\"").env("X", "a b").folder(folder.path()).log(&log).run().unwrap();
        let text = std::fs::read_to_string(log).unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(rest, "it's a b\n");
        let again = shell(first.strip_prefix("$ ").unwrap()).run().unwrap();
        assert_eq!(again.stdout, rest);
    }

    #[test]
    fn relative_paths() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let seen = |folder: &Path, path: &Path| relative_to(folder, path);
        assert_eq!(seen(&inner, &root.path().join("new.v")), Path::new("../../new.v"));
        assert_eq!(seen(root.path(), &inner.join("x.v")), Path::new("a/b/x.v"));
        assert_eq!(seen(&inner, &inner), Path::new("."));
        assert_eq!(seen(Path::new("."), Path::new("x.v")), Path::new("x.v"));
    }
}
