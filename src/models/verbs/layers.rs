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

/// The same as a table, as narrow as its words allow.
pub fn in_words(times: &[NodeTime], peak: f64) -> String {
    let outputs: Vec<_> = times.iter().map(|time| shape(&time.output)).collect();
    let width = |words: &mut dyn Iterator<Item = &str>, head: &str| {
        words.map(|word| word.chars().count()).chain([head.len()]).max().unwrap_or(0)
    };
    let name = width(&mut times.iter().map(|time| &*time.name), "layer");
    let operator = width(&mut times.iter().map(|time| &*time.operator), "operator");
    let pass = width(&mut times.iter().map(|time| time.pass), "pass");
    let output = width(&mut outputs.iter().map(String::as_str), "output");
    let mut text = format!(
        "{:name$} {:operator$} {:pass$} {:output$} {:>7} {:>8} {:>7} {:>6}\n",
        "layer", "operator", "pass", "output", "GFLOP", "ms", "GFLOP/s", "peak"
    );
    for (time, shape) in times.iter().zip(&outputs) {
        let NodeTime { name: layer, operator: kind, pass: way, .. } = time;
        // Writing to a string cannot fail.
        let _ = write!(text, "{layer:name$} {kind:operator$} {way:pass$} {shape:output$} ");
        text += &rates(time.gflop, time.seconds, peak);
    }
    text
}

/// 10⁹ operations, milliseconds, rate and share of the peak, as the table has them.
pub fn rates(gflop: f64, seconds: f64, peak: f64) -> String {
    let (rate, share) = (gflop / seconds, 100.0 * gflop * 1e9 / seconds / peak);
    format!("{gflop:>7.2} {:>8.2} {rate:>7.0} {share:>4.0} %\n", 1e3 * seconds)
}

/// A shape as tables write it: 128×27×27×64.
pub fn shape(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}
