//! Batches that are run for inference a few examples at a time, so that they need little memory.

use super::{Plan, Planned, Step};

/// Values that a run for inference keeps at a time where its examples can be run in parts: 64 MiB,
/// in which every layer still has rows enough for all threads.
const VALUES_AT_ONCE: usize = 16 << 20;

/// The number of examples of a part is a multiple of this, which divides well among any number of
/// threads.
const WHOLE: usize = 16;

/// How many examples of a batch are taken at a time so that a part has about `most` values: all of
/// them if the batch has no more.
pub(super) fn at_once(batch: usize, values: usize, most: usize) -> usize {
    match values.div_ceil(most) {
        0 | 1 => batch,
        parts => batch.div_ceil(parts).next_multiple_of(WHOLE).min(batch),
    }
}

impl Plan {
    /// Examples that a run takes at a time. Where the outputs of an example are those of its own
    /// inputs alone, a large batch is run part by part, in the memory of a part.
    pub(in crate::nn) fn at_once(&self) -> usize {
        let batch = self.key.batch;
        match at_once(batch, self.sizes[0], VALUES_AT_ONCE) {
            part if part < batch && self.examples_are_independent() => part,
            _ => batch,
        }
    }

    /// Whether each example has a row of its own in all that is read and written.
    fn examples_are_independent(&self) -> bool {
        let has_rows = |shape: &Vec<usize>| shape.first() == Some(&self.key.batch);
        let is_by_example = |step: &Step| match step {
            Step::Forward(task) => {
                let Planned { node, shapes, .. } = &self.nodes[task.node];
                node.ids.is_none() && shapes.inputs.iter().all(has_rows) && has_rows(&shapes.output)
            }
            _ => false,
        };
        let is_stateless = self.nodes.iter().all(|planned| planned.node.states.is_empty());
        !self.key.training && is_stateless && self.steps.iter().all(is_by_example)
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::{Feed, Filters, Graph, Init, Mode, Network, Output, RandomFeed};
    use crate::ops::{Cpu, Isa};

    const BATCH: usize = 201;

    /// Two convolutions on 32 × 32 images, 65,536 values an example after the first: the logits, and
    /// the losses.
    fn graph() -> (Graph, [Output; 2]) {
        let init = || Init::truncated_normal(0.1);
        Graph::build(|g| {
            let (images, labels) = (g.input("images", &[32, 32, 3]), g.ids("labels"));
            let x = images.conv2d("first", Filters::new(64, 3), init()).relu();
            let x = x.conv2d("second", Filters::new(32, 1), init()).relu();
            let logits = x.linear("logits", 10, init());
            [logits.output(), logits.cross_entropy(labels).output()]
        })
        .unwrap()
    }

    #[test]
    fn a_large_batch_is_run_in_parts_to_the_same_bits() {
        let (graph, [logits, _]) = graph();
        let mut network = Network::new(graph, 3).unwrap();
        let mut random = RandomFeed::new(&network, BATCH, 1, 5);
        let plan = network.plan_for(Mode::Inference, &[logits], &random.feed()).unwrap();
        let at_once = plan.at_once();
        assert!((2..BATCH).contains(&at_once) && !BATCH.is_multiple_of(at_once), "{at_once}");
        let images = random.feed().inputs[0].to_vec();
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let got = network.run(&cpu, Mode::Inference, logits, random.feed()).unwrap().to_vec();
            let twice = [logits, logits];
            let copies = network.run_for(&cpu, Mode::Inference, &twice, random.feed()).unwrap();
            assert_eq!(copies, [got.clone(), got.clone()]);
            for (image, expected) in images.chunks(32 * 32 * 3).zip(got.chunks(10)) {
                let feed = Feed::images(1, image, &[]);
                let alone = network.run(&cpu, Mode::Inference, logits, feed).unwrap();
                assert_eq!(*alone, *expected, "{isa:?}");
            }
        }
    }

    #[test]
    fn a_run_whose_examples_meet_is_run_whole() {
        let (graph, [logits, losses]) = graph();
        let mut network = Network::new(graph, 3).unwrap();
        let mut random = RandomFeed::new(&network, BATCH, 1, 5);
        let gradients = Mode::Gradients { step: 0, scale: 1.0 };
        for (mode, output) in
            [(Mode::Inference, losses), (Mode::Training { step: 0 }, logits), (gradients, losses)]
        {
            let plan = network.plan_for(mode, &[output], &random.feed()).unwrap();
            assert_eq!(plan.at_once(), BATCH, "{mode:?}");
        }
    }
}
