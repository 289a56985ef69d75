//! All that is known of runs, as a table for other programs.

use serde_json::Value;

use super::table::Table;
use super::{RunSummary, shown};

/// Every setting and score in a column of its own.
pub fn wide(runs: &[RunSummary]) -> Table {
    let names = |of: fn(&RunSummary) -> Vec<&String>| {
        let mut names: Vec<_> = runs.iter().flat_map(of).collect();
        names.sort();
        names.dedup();
        names
    };
    // The seed has a column in any case.
    let settings = names(|run| run.settings.keys().filter(|key| *key != "seed").collect());
    let metrics = names(|run| run.metrics.keys().collect());
    let fixed = [
        "run",
        "model",
        "preset",
        "state",
        "step",
        "total_steps",
        "seed",
        "seconds",
        "started",
        "note",
    ];
    let columns = fixed.iter().map(|name| (*name).to_owned());
    let mut table =
        Table::new(columns.chain(settings.iter().chain(&metrics).map(|name| (*name).clone())));
    for run in runs {
        let fixed = [
            run.path.display().to_string(),
            run.manifest.model.clone(),
            run.manifest.preset.clone(),
            run.state.to_string(),
            run.step.to_string(),
            run.total_steps.map(|steps| steps.to_string()).unwrap_or_default(),
            run.manifest.seed.to_string(),
            run.seconds.to_string(),
            run.manifest.started.clone(),
            run.annotations.note.clone(),
        ];
        // A setting that a run has from its preset is one all the same.
        let value = |value: Option<&Value>| value.map(shown).unwrap_or_default();
        let settings = settings.iter().map(|key| value(run.config.get(*key)));
        let metrics = metrics.iter().map(|key| value(run.metrics.get(*key)));
        table.row(fixed.into_iter().chain(settings).chain(metrics));
    }
    table
}
