//! Data, clock and printer: the rig's measuring rule.

use std::env;
use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;

/// A run slower than this is measured once.
const SLOW: Duration = Duration::from_secs(5);
const WARM: Duration = Duration::from_millis(300);
/// A sample repeats a run until it fills this.
const SAMPLE: Duration = Duration::from_millis(200);

/// The text of a data file.
pub fn text(file: &str) -> Outcome<String> {
    let dir = env::var("PEERS_DATA").map_err(|_| "PEERS_DATA names the folder of the generated data")?;
    let path = Path::new(&dir).join(file);
    fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()).into())
}

/// Where a database of this name goes.
pub fn place(name: &str) -> Outcome<PathBuf> {
    let dir = env::var("PEERS_TMP").map_err(|_| "PEERS_TMP names the folder for databases")?;
    fs::create_dir_all(&dir)?;
    Ok(Path::new(&dir).join(format!("asof-{name}")))
}

/// [`place`] with nothing there.
pub fn fresh(name: &str) -> Outcome<PathBuf> {
    let path = place(name)?;
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    Ok(path)
}

/// What one record says besides its names.
#[derive(Default)]
pub struct Facts<'a> {
    pub numbers: &'a [(&'a str, f64)],
    pub note: &'a str,
}

/// Prints one record.
pub fn emit(workload: &str, case: &str, facts: Facts) {
    let mut line = format!(
        r#"{{"peer":"asof","version":"{}","w":"{workload}","case":"{case}""#,
        env!("CARGO_PKG_VERSION")
    );
    for (name, x) in facts.numbers {
        // Six digits that count; whole numbers stay whole.
        let before_point = if *x == 0.0 {
            1
        } else {
            x.abs().log10().floor() as i32 + 1
        };
        let decimals = if x.fract() == 0.0 {
            0
        } else {
            (6 - before_point).max(0) as usize
        };
        let _ = write!(line, r#","{name}":{x:.decimals$}"#);
    }
    if !facts.note.is_empty() {
        let _ = write!(line, r#","note":{:?}"#, facts.note);
    }
    println!("{line}}}");
}

/// Prints a size.
pub fn emit_mb(workload: &str, case: &str, mb: f64, note: &str) {
    let numbers = [("mb", mb)];
    emit(
        workload,
        case,
        Facts {
            numbers: &numbers,
            note,
        },
    );
}

/// Prints one duration.
pub fn emit_once(workload: &str, case: &str, took: Duration, more: &[(&str, f64)], note: &str) {
    let mut numbers = vec![("median_ms", millis(took))];
    numbers.extend_from_slice(more);
    let facts = Facts {
        numbers: &numbers,
        note,
    };
    emit(workload, case, facts);
}

/// How a case is measured.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub workload: &'a str,
    pub name: &'a str,
    pub n: Option<u64>,
    pub samples: usize,
    pub note: &'a str,
}

impl<'a> Case<'a> {
    pub fn new(workload: &'a str, name: &'a str) -> Case<'a> {
        Case {
            workload,
            name,
            n: None,
            samples: 5,
            note: "",
        }
    }

    /// Measures a question that can be asked again and again; it gives the number of rows of its answer.
    pub fn ask(self, question: impl FnMut() -> Outcome<usize>) {
        match self.sample(question) {
            Ok((rows, times)) => self.done(rows, times),
            Err(e) => self.failed(&e.to_string()),
        }
    }

    /// The same for a record of several figures: the rows, and the median in milliseconds.
    pub fn median(&self, question: impl FnMut() -> Outcome<usize>) -> Outcome<(usize, f64)> {
        let (rows, mut times) = self.sample(question)?;
        times.sort();
        Ok((rows, millis(times[times.len() / 2])))
    }

    fn sample(&self, mut question: impl FnMut() -> Outcome<usize>) -> Outcome<(usize, Vec<Duration>)> {
        let start = Instant::now();
        let rows = question()?;
        let first = start.elapsed();
        if first > SLOW {
            return Ok((rows, vec![first]));
        }
        let (warm, mut runs) = (Instant::now(), 0u32);
        while warm.elapsed() < WARM {
            black_box(question()?);
            runs += 1;
        }
        let each = warm.elapsed() / runs;
        let repeat = (SAMPLE.as_nanos() / each.as_nanos().max(1)) as u32 + 1;
        let mut samples = Vec::with_capacity(self.samples);
        for _ in 0..self.samples {
            let start = Instant::now();
            for _ in 0..repeat {
                black_box(question()?);
            }
            samples.push(start.elapsed() / repeat);
        }
        Ok((rows, samples))
    }

    /// Measures work that takes its own time and starts from nothing each time.
    pub fn work(self, mut work: impl FnMut() -> Outcome<(Duration, usize)>) {
        let mut times = Vec::new();
        let mut rows = 0;
        for run in 0..=self.samples {
            match work() {
                // The first is for warmth, unless it is slow.
                Ok((took, n)) if run > 0 || took > SLOW => {
                    times.push(took);
                    rows = n;
                    if took > SLOW {
                        break;
                    }
                }
                Ok(_) => {}
                Err(e) => return self.failed(&e.to_string()),
            }
        }
        self.done(rows, times);
    }

    fn done(&self, rows: usize, mut times: Vec<Duration>) {
        times.sort();
        let mut numbers = vec![
            ("median_ms", millis(times[times.len() / 2])),
            ("min_ms", millis(times[0])),
            ("samples", times.len() as f64),
            ("rows", rows as f64),
        ];
        numbers.extend(self.n.map(|n| ("n", n as f64)));
        let facts = Facts {
            numbers: &numbers,
            note: self.note,
        };
        emit(self.workload, self.name, facts);
    }

    fn failed(&self, why: &str) {
        let short: String = why.chars().take(120).collect();
        let note = format!("error {}", short.replace('\n', " "));
        emit(
            self.workload,
            self.name,
            Facts {
                numbers: &[],
                note: &note,
            },
        );
    }
}

pub fn millis(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

/// What a file or a folder takes on disk, in MB.
pub fn disk_mb(path: &Path) -> f64 {
    fn blocks(path: &Path) -> u64 {
        match fs::symlink_metadata(path) {
            Ok(m) if m.is_dir() => {
                let inside = fs::read_dir(path).into_iter().flatten().flatten();
                m.blocks() + inside.map(|entry| blocks(&entry.path())).sum::<u64>()
            }
            Ok(m) => m.blocks(),
            Err(_) => 0,
        }
    }
    blocks(path) as f64 * 512.0 / (1 << 20) as f64
}

/// The number after `key` in a file of /proc.
fn proc_number(file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|l| l.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The most memory this process has had, in MB.
pub fn peak_mb() -> f64 {
    proc_number("/proc/self/status", "VmHWM:").unwrap_or(0) as f64 / 1024.0
}

/// [`peak_mb`] counts from here on.
pub fn forget_peak() -> Outcome {
    Ok(fs::write("/proc/self/clear_refs", "5")?)
}

/// The memory this process has now, in MB.
pub fn resident_mb() -> f64 {
    proc_number("/proc/self/status", "VmRSS:").unwrap_or(0) as f64 / 1024.0
}

/// Bytes this process has had written to storage.
pub fn bytes_written() -> u64 {
    proc_number("/proc/self/io", "write_bytes:").unwrap_or(0)
}

/// Processor time of the threads that are alive.
pub fn cpu_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Drops the pages of a database from the system's cache, so that the next reader finds them on disk.
pub fn uncache(path: &Path) -> Outcome {
    let done = Command::new("python3").arg("runners/uncache.py").arg(path).status()?;
    match done.success() {
        true => Ok(()),
        false => Err("runners/uncache.py failed; start this program in the rig's folder".into()),
    }
}

/// Numbers for places that should be visited in no order.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }
}
