//! One node at a time against the clock.

use anyhow::Result;
use serde::Serialize;

use super::graph::Output;
use super::network::{Mode, Network};
use super::random_feed::RandomFeed;
use crate::ops::Cpu;

/// How often a run is timed; the shortest time of each node counts.
const REPEATS: usize = 3;

/// The time of one pass of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeTime {
    /// The name of the node.
    pub name: String,
    /// Its operator, with what has been fused into it.
    pub operator: String,
    /// "forward" or "backward".
    pub pass: &'static str,
    /// The shape of its output.
    pub output: Vec<usize>,
    /// Operations of the direct computation, in 10⁹.
    pub gflop: f64,
    /// Seconds.
    pub seconds: f64,
}

impl Network {
    /// The times of all passes of a run, in their order.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn time_nodes(
        &mut self,
        cpu: &Cpu,
        mode: Mode,
        output: Output,
        random: &mut RandomFeed,
    ) -> Result<Vec<NodeTime>> {
        let (_, mut best) = self.time(cpu, mode, output, &mut random.feed())?;
        best.iter_mut().for_each(|(_, seconds)| *seconds = f64::INFINITY);
        for _ in 0..REPEATS {
            let (_, times) = self.time(cpu, mode, output, &mut random.feed())?;
            for ((_, best), (_, seconds)) in best.iter_mut().zip(times) {
                *best = best.min(seconds);
            }
        }
        let (plan, _) = self.time(cpu, mode, output, &mut random.feed())?;
        let node_time = |((node, is_backward), seconds): ((usize, bool), f64)| {
            let planned = &plan.nodes[node];
            let count = planned.node.op.get().operations(&planned.shapes);
            let backward = count.parameter_gradient
                + if plan.gives_input_gradient(node) { count.input_gradient } else { 0 };
            NodeTime {
                name: planned.node.name.clone(),
                operator: planned.node.op.get().kind(),
                pass: if is_backward { "backward" } else { "forward" },
                output: planned.shapes.output.clone(),
                gflop: if is_backward { backward } else { count.forward } as f64 / 1e9,
                seconds,
            }
        };
        let nodes = best.into_iter().filter_map(|(node, seconds)| Some((node?, seconds)));
        Ok(nodes.map(node_time).collect())
    }
}
