//! `tfm bench machine`: what this machine can do at best.

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;

use crate::models::options::{OutputOptions, ThreadOption};
use crate::models::verbs::bench;
use crate::ops::{Cpu, Isa, peak};

/// The name that takes a model's place on the command line.
pub(super) const NAME: &str = "machine";

#[derive(Args, Debug)]
struct Machine {
    #[command(flatten)]
    threads: ThreadOption,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Serialize)]
struct Peaks {
    isa: &'static str,
    threads: usize,
    gflops_one_thread: f64,
    gflops: f64,
    gb_per_s_one_thread: f64,
    gb_per_s: f64,
}

pub(super) fn command() -> Command {
    let command = Machine::augment_args(Command::new(NAME));
    command.about("The peak performance of this machine").long_about(
        "Measures this machine's peak: f32 fused multiply-adds from registers (each counts as two \
        FLOPs) and bytes read from memory, with one thread and with all. The benchmarks of the \
        models give their share of it. Takes about three seconds on an idle machine.",
    )
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let Machine { threads, output } = Machine::from_arg_matches(matches)?;
    output.init_logging();
    let report = measure(Isa::from_environment()?, threads.count())?;
    if report.gflops < report.gflops_one_thread {
        bench::warn_of(&format!("{} threads are slower than one", report.threads));
    }
    output.report(&report, text(&report))
}

fn measure(isa: Isa, threads: usize) -> Result<Peaks> {
    let (gflops_one_thread, gb_per_s_one_thread) = rates(&Cpu::new(isa, 1)?);
    let (gflops, gb_per_s) = match threads {
        1 => (gflops_one_thread, gb_per_s_one_thread),
        _ => rates(&Cpu::new(isa, threads)?),
    };
    let isa = isa.name();
    Ok(Peaks { isa, threads, gflops_one_thread, gflops, gb_per_s_one_thread, gb_per_s })
}

/// Floating-point operations and bytes a second, in 10⁹.
fn rates(cpu: &Cpu) -> (f64, f64) {
    (peak::flops(cpu) / 1e9, peak::bandwidth(cpu) / 1e9)
}

fn text(report: &Peaks) -> String {
    let line = |threads: &str, gflops: f64, gb_per_s: f64| {
        format!("{threads:<12} {gflops:>9.1} GFLOP/s {gb_per_s:>8.1} GB/s")
    };
    let all = format!("{} threads", report.threads);
    let all = line(&all, report.gflops, report.gb_per_s);
    let one = line("1 thread", report.gflops_one_thread, report.gb_per_s_one_thread);
    match report.threads {
        1 => format!("isa {}\n{one}", report.isa),
        _ => format!("isa {}\n{one}\n{all}", report.isa),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_number_of_threads() {
        let report = Peaks {
            isa: "avx2",
            threads: 8,
            gflops_one_thread: 91.25,
            gflops: 700.0,
            gb_per_s_one_thread: 12.0,
            gb_per_s: 35.5,
        };
        let expect = "isa avx2\n\
                      1 thread          91.2 GFLOP/s     12.0 GB/s\n\
                      8 threads        700.0 GFLOP/s     35.5 GB/s";
        assert_eq!(text(&report), expect);
    }
}
