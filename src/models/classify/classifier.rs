//! A network that classifies images.

use anyhow::{Context, Result};

use crate::checkpoint::Checkpoint;
use crate::data::augment::Shape;
use crate::models::describe::Description;
use crate::models::weights;
use crate::nn::{Feed, Graph, Mode, Network, Output, Parameter, Value};
use crate::ops::Cpu;
use crate::train::TrainState;

/// A network from images to the logits of classes.
#[derive(Debug)]
pub struct Classifier {
    /// The network.
    pub network: Network,
    /// The logits (batch, classes).
    pub logits: Output,
    /// The probabilities of the classes (batch, classes).
    probabilities: Output,
    /// The cross-entropies in nats (batch).
    pub losses: Output,
    /// The size of an image.
    pub image: Shape,
}

impl Classifier {
    /// The classifier whose forward pass is `forward`, from images (batch, height, width,
    /// depth) to logits.
    ///
    /// # Errors
    /// A layer whose input does not fit.
    pub fn new(
        image: Shape,
        seed: u64,
        forward: impl for<'g> FnOnce(Value<'g>) -> Value<'g>,
    ) -> Result<Self> {
        let (graph, [logits, probabilities, losses]) = Graph::build(|g| {
            let Shape { height, width, depth } = image;
            let (images, labels) = (g.input("images", &[height, width, depth]), g.ids("labels"));
            let logits = forward(images);
            [logits.output(), logits.softmax().output(), logits.cross_entropy(labels).output()]
        })?;
        Ok(Self { network: Network::new(graph, seed)?, logits, probabilities, losses, image })
    }

    /// The network as a description, for batches of that size.
    pub fn describe(&self, batch: usize) -> Description {
        let (graph, seed) = (self.network.graph().clone(), self.network.seed());
        Description { graph, output: self.logits, loss: self.losses, batch, steps: 1, seed }
    }

    /// The feeds for `images` (batch, …) and their `labels`.
    pub fn feed<'a>(&self, images: &'a [f32], labels: &'a [u32]) -> Feed<'a> {
        Feed::images(images.len() / self.image.values().max(1), images, labels)
    }

    /// The logits (batch, classes) of `images`, mutable.
    ///
    /// # Errors
    /// Not a whole number of images.
    pub fn logits(&mut self, cpu: &Cpu, images: &[f32]) -> Result<&mut [f32]> {
        let feed = self.feed(images, &[]);
        self.network.run(cpu, Mode::Inference, self.logits, feed)
    }

    /// The probabilities (batch, classes) of the classes of `images`.
    ///
    /// # Errors
    /// Not a whole number of images.
    pub fn probabilities(&mut self, cpu: &Cpu, images: &[f32]) -> Result<&[f32]> {
        let feed = self.feed(images, &[]);
        Ok(self.network.run(cpu, Mode::Inference, self.probabilities, feed)?)
    }

    /// The same network with other values of its parameters, such as their moving averages.
    pub fn with_values(&self, values: &[Parameter]) -> Self {
        Self { network: self.network.with_values(values), ..*self }
    }

    /// Takes over the parameters of a checkpoint of `model`; those that are trained as
    /// `<slot><parameter>`.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn load(&self, model: &str, slot: &str, checkpoint: &Checkpoint) -> Result<()> {
        let named = |parameter: &Parameter| match parameter.statistic_momentum() {
            Some(_) => parameter.name().to_string(),
            None => format!("{slot}{}", parameter.name()),
        };
        let parameters = self.network.parameters();
        let named: Vec<_> = parameters.iter().map(|p| (named(p), p)).collect();
        weights::load_named(model, &named, checkpoint)
    }
}

/// A run's network and the names of its classes.
pub struct Trained {
    /// The class names.
    pub classes: Vec<String>,
    /// The network with the parameters of the checkpoint.
    pub classifier: Classifier,
}

impl Trained {
    /// Loads a checkpoint of `model`: `new` makes the classifier for its number of classes, and its
    /// parameters are the tensors `<slot><parameter>`.
    ///
    /// # Errors
    /// When the checkpoint does not name its classes, or the parameters cannot be read.
    pub fn read(
        model: &str,
        slot: &str,
        checkpoint: &Checkpoint,
        new: impl FnOnce(usize) -> Result<Classifier>,
    ) -> Result<Self> {
        let classes = classes_of(checkpoint)?;
        let classifier = new(classes.len())?;
        classifier.load(model, slot, checkpoint)?;
        Ok(Self { classes, classifier })
    }
}

/// The class names of a checkpoint.
///
/// # Errors
/// When it does not name them.
pub fn classes_of(checkpoint: &Checkpoint) -> Result<Vec<String>> {
    let (_, state) = TrainState::from_state(&checkpoint.meta.state, checkpoint.meta.step)?;
    let classes = state.get("classes").context("the checkpoint has no class names")?;
    serde_json::from_value(classes.clone())
        .with_context(|| format!("the classes in {}", checkpoint.path.display()))
}
