//! The messages at the start and at the end of a run.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::checkpoint::{self, Selector};
use crate::metrics::Record;
use crate::models::experiment::Experiment;
use crate::models::run_config::RunConfig;
use crate::models::session::summary;
use crate::ops::Cpu;
use crate::run::RunDir;
use crate::system::wording::{by_number, counted, grouped};
use crate::train::Task;

/// Logs the data, the model, the length of training and the device.
///
/// # Errors
/// As [`Experiment::parameters`].
pub fn say_start<E: Experiment>(
    run: &RunDir,
    config: &RunConfig<E::Settings>,
    data: &E::Data,
    task: &E::Task<'_>,
    cpu: &Cpu,
) -> Result<()> {
    let sizes = E::sizes(data).into_iter();
    let sizes: Vec<_> = sizes.map(|(what, n)| format!("{} {what}", grouped(n as u64))).collect();
    let parameters = E::parameters(config, data)?;
    let (unit, items) = task.items_per_step();
    let unit = by_number(items, unit.trim_end_matches('s'), unit);
    let (epochs, steps) = (task.epochs(), task.steps_per_epoch().min(task.total_steps()));
    let device = if cpu.gpu().is_some() { "GPU" } else { "CPU" };
    tracing::info!("Run folder: {}", run.path().display());
    tracing::info!("Data: {}", sizes.join(", "));
    tracing::info!(
        "Training: {}, {} of {}, {} {unit} a step",
        counted(parameters, "parameter"),
        counted(epochs, "epoch"),
        counted(steps, "step"),
        grouped(items)
    );
    tracing::info!(
        "Device: {device}, {} instructions, {}, seed {}",
        cpu.isa().name(),
        counted(cpu.threads(), "thread"),
        config.seed
    );
    Ok(())
}

/// The JSON of a run that ended after `step` steps; this process took `duration`.
pub fn in_json(run: &RunDir, step: u64, duration: Duration, records: &[Record]) -> Value {
    let path = checkpoint::step_path(&run.checkpoints_dir(), step);
    let mut json = summary(run, step, last_metrics(records).into());
    json["epoch"] = records.last().map(|record| record.epoch).into();
    json["seconds"] = duration.as_secs_f64().into();
    json["rate"] = last_rate(records);
    json["best"] = best(run, records);
    json["checkpoint"] = path.to_string_lossy().into();
    json
}

/// The last value of every metric of a run, as `<phase>_<metric>`.
pub fn last_metrics(records: &[Record]) -> Map<String, Value> {
    let mut last = Map::new();
    for record in records {
        // "train_perplexity" is that of a whole epoch.
        let phase = match record.phase.as_str() {
            "train" => continue,
            "epoch" => "train",
            phase => phase,
        };
        for (name, value) in &record.metrics {
            last.insert(format!("{phase}_{name}"), (*value).into());
        }
    }
    last
}

/// The last recorded throughput in items/s, by name.
fn last_rate(records: &[Record]) -> Value {
    let last = records.iter().rev().find(|record| record.phase == "train");
    let times = last.into_iter().flat_map(|record| &record.timing);
    let rates = times.filter(|(name, _)| name.ends_with("_per_second"));
    rates.map(|(name, &rate)| (name.clone(), rate.into())).collect::<Map<_, _>>().into()
}

/// The best checkpoint, and what was measured when it was saved.
fn best(run: &RunDir, records: &[Record]) -> Value {
    let Ok(best) = checkpoint::open(&run.checkpoints_dir(), Selector::Best) else {
        return Value::Null;
    };
    let step = best.meta.step;
    let then: Vec<_> = records.iter().filter(|record| record.step == step).cloned().collect();
    json!({
        "step": step,
        "epoch": best.meta.epoch,
        "checkpoint": best.path.to_string_lossy(),
        "metrics": last_metrics(&then),
    })
}
