//! The times of layers, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::nn::NodeTime;

/// Every pass with its rate and the share of `peak`, in operations a second.
pub fn in_json(times: &[NodeTime], peak: f64) -> Value {
    let time = |time: &NodeTime| {
        let mut json = json!(time);
        json["gflops"] = json!(time.gflop / time.seconds);
        json["share_of_peak"] = json!(time.gflop * 1e9 / time.seconds / peak);
        json
    };
    times.iter().map(time).collect()
}

/// The same as a table.
pub fn in_words(times: &[NodeTime], peak: f64) -> String {
    let name = times.iter().map(|time| time.name.chars().count()).max().unwrap_or(0).max(5);
    let operator = times.iter().map(|time| time.operator.chars().count()).max().unwrap_or(0).max(8);
    let mut text = format!(
        "{:name$}  {:operator$}  {:8}  {:20} {:>8} {:>9} {:>9} {:>6}\n",
        "layer", "operator", "pass", "output", "GFLOP", "ms", "GFLOP/s", "peak"
    );
    for time in times {
        let output = shape(&time.output);
        // Writing to a string cannot fail.
        let _ = write!(text, "{:name$}  {:operator$}  ", time.name, time.operator);
        let _ = write!(text, "{:8}  {output:20} ", time.pass);
        text += &rates(time.gflop, time.seconds, peak);
    }
    text
}

/// 10⁹ operations, milliseconds, rate and share of the peak, as the table has them.
pub fn rates(gflop: f64, seconds: f64, peak: f64) -> String {
    let (rate, share) = (gflop / seconds, 100.0 * gflop * 1e9 / seconds / peak);
    format!("{gflop:>8.2} {:>9.2} {rate:>9.0} {share:>4.0} %\n", 1e3 * seconds)
}

/// A shape as tables write it: 128×27×27×64.
pub fn shape(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}
