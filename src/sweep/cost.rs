//! What a point costs, as far as it is known before it is trained.

use anyhow::Result;
use serde::Serialize;

use super::Begin;
use super::points::SweepPoint;
use crate::models::{self, Entry};

/// What the run of a point costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// The number of trained parameters, for data of the usual sizes; `None` if the model is not a
    /// graph.
    pub parameters: Option<usize>,
    /// FLOPs per training step (a multiply-add counts as two); `None` if the model is not a graph.
    pub operations_a_step: Option<f64>,
    /// The keys of the config that say how long it is trained, with their values.
    pub length: Vec<String>,
}

impl Cost {
    /// That of a point.
    ///
    /// # Errors
    /// A value that is refused.
    pub fn of(begin: &Begin, point: &SweepPoint) -> Result<Self> {
        let Some(model) = models::find(&begin.spec.model) else { return Ok(Self::default()) };
        let mut sets = super::points::fixed(&begin.spec);
        sets.extend(point.settings.iter().cloned());
        let config = begin.spec.config.as_deref();
        let (_, network) = (model.describe)(model, config, &sets)?;
        let length = length(model, &model.show(config, &sets)?)?;
        let rows = |network: &models::describe::Description| (network.batch * network.steps) as f64;
        Ok(Self {
            parameters: network.as_ref().map(|network| network.parameters()),
            operations_a_step: network.as_ref().map(|network| network.operations() * rows(network)),
            length,
        })
    }

    /// The cost in a few words.
    pub fn in_words(&self) -> String {
        let parameters = self.parameters.map(|n| format!("{:.2} M parameters", n as f64 / 1e6));
        let operations = self.operations_a_step.map(|n| format!("{:.2} GFLOP per step", n / 1e9));
        let parts = parameters.into_iter().chain(operations).chain(self.length.iter().cloned());
        parts.collect::<Vec<_>>().join(", ")
    }
}

fn length(model: &Entry, config: &str) -> Result<Vec<String>> {
    let config: toml::Table = config.parse()?;
    let values = crate::config::leaves(&config);
    let keys = model.length.epochs.iter().chain(&model.length.steps);
    // A length of 0 is ignored, as in a run that is counted in epochs.
    let known = keys
        .filter_map(|key| Some((*key, values.get(*key).filter(|v| v.as_integer() != Some(0))?)));
    Ok(known.map(|(key, value)| format!("{key}={value}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_networks_cost_more() {
        let text = "model = \"ptb\"\n[vary]\nnetwork.hidden_size = [200, 400]\n";
        let begin = Begin::new("s.toml", "s", text.to_owned()).unwrap();
        let [small, large] = [0, 1].map(|point| Cost::of(&begin, &begin.points[point]).unwrap());
        assert!(
            small.parameters < large.parameters
                && small.operations_a_step < large.operations_a_step
        );
        assert!(small.in_words().contains("train.max_max_epoch=13"), "{}", small.in_words());
        let text = "model = \"word2vec\"\n[vary]\nseed = [1]\n".to_owned();
        let begin = Begin::new("s.toml", "s", text).unwrap();
        let cost = Cost::of(&begin, &begin.points[0]).unwrap();
        assert!(cost.parameters.is_none() && cost.in_words().starts_with("train.epochs_to_train="));
    }
}
