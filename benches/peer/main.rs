//! asof's part in the comparison with other systems: `peer WORKLOAD [ARGS]` prints one JSON object a line.
//!
//! The workloads, their data and the format are described in the rig's README; this program reads `$PEERS_DATA`, writes its
//! databases to `$PEERS_TMP` and is started in the rig's folder. It uses asof as any program would, through the public API.

mod amplification;
mod cache;
mod events;
mod flight;
mod frog;
mod graph;
mod history;
mod joins;
mod movies;
mod open;
mod past;
mod people;
mod planning;
mod points;
mod questions;
mod recursion;
mod rig;
mod rules;

use std::error::Error;
use std::process::ExitCode;

/// As in the program: one thread often frees what another allocated, which the system's allocator does under a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What every workload returns: an error ends the program with its text.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const USAGE: &str = "peer WORKLOAD [ARGS]
  w1-read N [QUERY ...] | w1-write N [CASE ...] | w1-rules | w1-pull [CASE ...]
  w2 [CASE]
  w3 GRAPH[:START] ...
  w4 good|bad [QUERY ...] | w4-plans good|bad [QUERY ...]
  w5 ENTITIES VERSIONS
  w6-load | w6-load-10x | w6-open | w6-open-10x | w6-open-killed
  points [new|folded|opened [CASE]]
  cache | amplification
  past-people N [QUERY ...] | past-movies [QUERY ...]
  rules [CASE ...] | planning | memory GRAPH ...";

fn main() -> ExitCode {
    // cargo bench adds --bench.
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Outcome {
    match args {
        ["w1-write", n, only @ ..] => people::write(n.parse()?, only),
        ["w1-read", n, only @ ..] => people::read(n.parse()?, only),
        ["w1-rules"] => recursion::rules(),
        ["w1-pull", only @ ..] => people::pull(only),
        ["w3", graphs @ ..] => recursion::run(graphs),
        ["w4", order, only @ ..] => joins::run(order, only),
        ["w4-plans", order, only @ ..] => joins::plans(order, only),
        ["w2", only @ ..] => events::run(only),
        ["w5", entities, versions] => history::run(entities.parse()?, versions.parse()?),
        ["w6-load"] => movies::load(movies::Size::Once),
        ["w6-load-10x"] => movies::load(movies::Size::TenTimes),
        ["w6-open"] => open::run(movies::Size::Once),
        ["w6-open-10x"] => open::run(movies::Size::TenTimes),
        ["w6-open-killed"] => open::after_kill(),
        ["points", only @ ..] => points::run(only),
        ["cache"] => cache::run(),
        ["amplification"] => amplification::run(),
        ["past-people", n, only @ ..] => past::people(n.parse()?, only),
        ["past-movies", only @ ..] => past::movies(only),
        ["rules", only @ ..] => rules::run(only),
        ["planning"] => planning::run(),
        ["memory", graphs @ ..] => recursion::memory(graphs),
        // Parts of the above that need a process of their own.
        ["load-and-hang"] => movies::load_and_hang(),
        ["past-load", "people", n] => past::load_people(n.parse()?),
        ["past-load", "movies"] => past::load_movies(),
        ["memory-of", graph, dir] => recursion::memory_of(graph, dir.as_ref()),
        ["open-at", dir, suffix] => open::measure(dir.as_ref(), suffix),
        // `cargo bench` without a workload, and `cargo test --benches`.
        [] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}
