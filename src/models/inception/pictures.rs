//! A frozen graph applied to images: one thread reads and preprocesses them while the network runs on
//! the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use image::{Rgb, RgbImage};

use super::entry_point::EntryPoint;
use super::options::GraphOptions;
use super::program::{Program, Tensors};
use super::runner::Runner;
use super::{branches, feeds};
use crate::console;
use crate::data::graphdef::{FrozenGraph, NodeOutput, Tensor, TensorName, Values};
use crate::data::photo;
use crate::nn::NodeTime;
use crate::ops::Cpu;
use crate::rng::Stream;
use crate::system::memory;
use crate::system::wording::{by_number, counted};

/// Batches that are ready before the network takes them.
const AHEAD: usize = 2;

/// A graph that gives a row of numbers for each image.
#[derive(Debug)]
pub struct PictureGraph {
    reader: PictureReader,
    runner: Runner,
    output: TensorName,
    /// Whether an image must give one row of scores rather than any tensor.
    gives_scores: bool,
}

/// The images that arguments name. Reports how many files in folders are not images.
///
/// # Errors
/// As [`photo::picture_files`].
pub fn named(arguments: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let found = photo::picture_files(arguments, &mut std::io::stdin().lock())?;
    if found.passed_over > 0 {
        let files = counted(found.passed_over, "file");
        tracing::info!("Skipped {files} without an image extension");
    }
    Ok(found.files)
}

/// Reads and preprocesses images.
#[derive(Clone, Debug)]
pub struct PictureReader {
    program: Arc<Program>,
    fed: NodeOutput,
    /// Where images enter.
    pub entry: EntryPoint,
}

/// An image and its computed tensor, or the error.
pub type Computed<'a> = (&'a Path, Result<Vec<f32>>);

/// The progress of a verb through its images, drawn on the terminal, and the skipped images.
#[derive(Debug)]
pub struct Tally {
    done: u64,
    total: u64,
    unreadable: Vec<String>,
    start: Instant,
}

/// The time after which the rate of the images is reported.
const LONG: f64 = 2.0;

impl Tally {
    /// No image is done yet.
    pub fn of(pictures: &[PathBuf]) -> Self {
        Self {
            done: 0,
            total: pictures.len() as u64,
            unreadable: Vec::new(),
            start: Instant::now(),
        }
    }

    /// Counts an image. Returns its row, or `None` if it failed; the error is kept for the end.
    pub fn row(&mut self, (path, row): Computed) -> Option<Vec<f32>> {
        self.done += 1;
        console::progress("pictures", self.done, self.total);
        let unreadable = |error| self.unreadable.push(format!("{}: {error:#}", path.display()));
        row.map_err(unreadable).ok()
    }

    /// The number of images so far.
    pub fn done(&self) -> usize {
        self.done as usize
    }

    /// Clears the progress, reports the rate, and returns the skipped images, each with its error.
    pub fn end(self) -> Vec<String> {
        console::clear();
        let (done, seconds) = (self.done, self.start.elapsed().as_secs_f64());
        if seconds > LONG {
            let rate = done as f64 / seconds;
            let images = counted(done, "image");
            tracing::info!("{images} in {seconds:.1} s, {rate:.1} images/s");
        }
        self.unreadable
    }
}

/// Fails if images were skipped, for the end of a verb.
///
/// # Errors
/// How many, and each with its error.
pub fn ensure_none_left_out(unreadable: &[String]) -> Result<()> {
    let n = unreadable.len();
    let were = by_number(n, "image was", "images were");
    ensure!(n == 0, "{n} {were} skipped:\n  {}", unreadable.join("\n  "));
    Ok(())
}

impl PictureGraph {
    /// Opens the graph that the options name, to compute `output`, by default its most likely output.
    ///
    /// # Errors
    /// A file that is not a frozen graph, missing tensors, or unsupported operations.
    pub fn open(options: &GraphOptions, output: Option<&TensorName>) -> Result<Self> {
        let graph = feeds::with_given(FrozenGraph::open(&options.path()?)?, &options.feed)?;
        let entry = EntryPoint::find(&graph, options)?;
        let output = match output.or(options.output.as_ref()) {
            Some(output) => output.clone(),
            None => likely_output(&graph)?,
        };
        let fed = graph.find(entry.at())?;
        let wanted = std::slice::from_ref(&output);
        let at = [entry.at().clone()];
        let graph = branches::chosen(Arc::new(graph), wanted, &at)?;
        let program = Arc::new(Program::new(graph, wanted, &at)?);
        let runner = Runner::new(Arc::clone(&program));
        let reader = PictureReader { program, fed, entry };
        Ok(Self { reader, runner, output, gives_scores: false })
    }

    /// The same for an output that is a score for each class. What it gives else is an error.
    pub fn for_scores(self) -> Self {
        Self { gives_scores: true, ..self }
    }

    /// The tensor to compute.
    pub fn output(&self) -> &TensorName {
        &self.output
    }

    /// Where images enter, and how they are preprocessed.
    pub fn entry(&self) -> &EntryPoint {
        &self.reader.entry
    }

    /// The graph.
    pub fn graph(&self) -> &FrozenGraph {
        &self.reader.program.graph
    }

    /// Computes the images in order, `batch` at a time, and calls `done` for each, which returns
    /// whether to continue.
    ///
    /// # Errors
    /// The errors of `done`, or a thread that cannot be started. An image that cannot be read or
    /// computed is passed to `done` with its error.
    pub fn each(
        &mut self,
        cpu: &Cpu,
        pictures: &[PathBuf],
        batch: usize,
        mut done: impl FnMut(Computed) -> Result<bool>,
    ) -> Result<()> {
        let Self { reader, runner, output, gives_scores } = self;
        let reader = &*reader;
        let check = |row: &Row| match gives_scores {
            true => row.ensure_scores(output),
            false => Ok(()),
        };
        thread::scope(|scope| {
            let (sender, prepared) = sync_channel(AHEAD);
            let read = move || reader.send_all(pictures, batch, &sender);
            thread::Builder::new()
                .spawn_scoped(scope, read)
                .context("cannot start the thread that reads images")?;
            // Images are all of one size: where a random one fails, too, the graph is to blame.
            let mut is_tried = !matches!(reader.entry, EntryPoint::Images { .. });
            for (paths, batch) in pictures.chunks(batch.max(1)).zip(prepared) {
                let rows = compute(runner, cpu, batch);
                if rows.iter().any(Result::is_err) && !is_tried {
                    compute(runner, cpu, vec![reader.random(0)]).into_iter().try_for_each(
                        |row| row.map(drop).context("the graph cannot be computed for any image"),
                    )?;
                    is_tried = true;
                }
                let rows = rows.into_iter();
                let rows = rows.map(|row| row.and_then(|row| check(&row).map(|()| row.values)));
                for computed in paths.iter().map(PathBuf::as_path).zip(rows) {
                    if !done(computed)? {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }
}

/// For benchmarks.
impl PictureGraph {
    /// The network's input for `batch` random images.
    ///
    /// # Errors
    /// When the graph cannot compute them.
    pub fn random_batch(&self, batch: usize) -> Result<Tensors> {
        let prepared: Vec<_> =
            (0..batch).map(|image| self.reader.random(image)).collect::<Result<_>>()?;
        match &prepared[..] {
            [one] => Ok(one.clone()),
            several => {
                let which = self.reader.program.prepared();
                let several: Vec<_> = several.iter().collect();
                stacked(&which, &several).context("the graph takes one image at a time")
            }
        }
    }

    /// Computes a batch that is ready.
    ///
    /// # Errors
    /// When the graph cannot compute it.
    pub fn finish(&mut self, cpu: &Cpu, known: Tensors) -> Result<()> {
        self.runner.finish(cpu, known).map(drop)
    }

    /// The times of all layers of the networks that have run, on random numbers.
    ///
    /// # Errors
    /// As [`Network::time_nodes`](crate::nn::Network::time_nodes).
    pub fn time_nodes(&mut self, cpu: &Cpu, batch: usize) -> Result<Vec<NodeTime>> {
        self.runner.time_nodes(cpu, batch)
    }
}

/// The side of random images.
const SIDE: u32 = 299;

/// Larger images are computed if memory for them is available.
const MANY_PIXELS: u64 = 16 << 20;
/// The measured memory per pixel until the graph has resized the image.
const BYTES_A_PIXEL: u64 = 65;

/// The output that a graph is most likely for.
fn likely_output(graph: &FrozenGraph) -> Result<TensorName> {
    match graph.likely_output() {
        Some(node) => Ok(TensorName { node: graph.node(node).name.clone(), output: 0 }),
        None => bail!("{} has no output: name one with --output", graph.place()),
    }
}

impl PictureReader {
    /// Reads an image and computes the nodes before the first network.
    ///
    /// # Errors
    /// A file that is not an image, or an image that the graph cannot compute.
    pub fn prepare(&self, path: &Path) -> Result<Tensors> {
        let picture = photo::read(path, self.entry.reading())?;
        let pixels = u64::from(picture.width()) * u64::from(picture.height());
        if pixels > MANY_PIXELS {
            let size = || format!("{} × {} pixels", picture.width(), picture.height());
            memory::ensure_fits(pixels * BYTES_A_PIXEL, size)?;
        }
        self.ready(&picture)
    }

    /// As [`prepare`](Self::prepare), for a random image.
    fn random(&self, number: usize) -> Result<Tensors> {
        let mut numbers = Stream::new(1, "images").at(number as u64);
        let mut colour = || Rgb([0; 3].map(|_: u8| numbers.below(256) as u8));
        self.ready(&RgbImage::from_fn(SIDE, SIDE, |_, _| colour()))
    }

    fn ready(&self, picture: &RgbImage) -> Result<Tensors> {
        let tensor = self.entry.tensor(picture)?;
        self.program.prepare(Tensors::from([(self.fed, Arc::new(tensor))]))
    }

    fn send_all(&self, pictures: &[PathBuf], batch: usize, to: &SyncSender<Vec<Result<Tensors>>>) {
        for paths in pictures.chunks(batch.max(1)) {
            let prepared = paths.iter().map(|path| self.prepare(path)).collect();
            // Nobody waits for more where an error or a signal has ended the work.
            if to.send(prepared).is_err() {
                return;
            }
        }
    }
}

/// The output of a graph for an image.
struct Row {
    /// The shape of the whole output.
    shape: Vec<usize>,
    is_float: bool,
    values: Vec<f32>,
}

impl Row {
    /// Fails unless it is a row of scores.
    fn ensure_scores(&self, output: &TensorName) -> Result<()> {
        let Self { shape, values, is_float } = self;
        let wide = shape.iter().skip(1).filter(|&&size| size > 1).count();
        let is_row = shape.len() < 2 || shape[1..].iter().product::<usize>() == values.len();
        ensure!(
            *is_float && is_row && wide <= 1 && values.len() > 1,
            "{output} gives {} of shape {shape:?}, not one score per class: name the scores with \
            --output",
            if *is_float { "floats" } else { "whole numbers" }
        );
        Ok(())
    }
}

/// The row of each image of a batch.
fn compute(runner: &mut Runner, cpu: &Cpu, batch: Vec<Result<Tensors>>) -> Vec<Result<Row>> {
    let whole: Vec<&Tensors> = batch.iter().flatten().collect();
    let together = match whole.len() {
        0 | 1 => None,
        count => stacked(&runner.program().prepared(), &whole)
            .and_then(|stack| rows(runner, cpu, stack, count).ok()),
    };
    match together {
        Some(rows) => {
            let mut rows = rows.into_iter();
            let next =
                |of: Result<Tensors>| of.and_then(|_| rows.next().context("an image has no row"));
            batch.into_iter().map(next).collect()
        }
        None => {
            let one = |of: Result<Tensors>| {
                let rows = rows(runner, cpu, of?, 1)?;
                rows.into_iter().next().context("nothing was computed")
            };
            batch.into_iter().map(one).collect()
        }
    }
}

/// The rows that the graph gives for `count` images.
fn rows(runner: &mut Runner, cpu: &Cpu, known: Tensors, count: usize) -> Result<Vec<Row>> {
    let outputs = runner.finish(cpu, known)?;
    let output = outputs.first().context("nothing is wanted")?;
    let values = output.values.to_floats().with_context(|| {
        let kind = output.values.data_type();
        format!("the output is {kind}, not numbers: name another with --output")
    })?;
    let is_float = matches!(output.values, Values::Float(_) | Values::Double(_));
    let is_batch = count == 1 || output.shape.first() == Some(&count);
    ensure!(is_batch, "{count} images give a tensor of shape {:?}", output.shape);
    runner.program().ensure_finite(&values)?;
    let row =
        |values: &[f32]| Row { shape: output.shape.clone(), is_float, values: values.to_vec() };
    Ok(values.chunks((values.len() / count).max(1)).map(row).collect())
}

/// The tensors of several images as one batch; none if their shapes differ.
fn stacked(which: &[NodeOutput], pictures: &[&Tensors]) -> Option<Tensors> {
    let stack = |output: &NodeOutput| {
        let parts: Option<Vec<_>> = pictures.iter().map(|known| known.get(output)).collect();
        let parts = parts?;
        let shape = &parts[0].shape;
        if shape.first() != Some(&1) || parts.iter().any(|part| part.shape != *shape) {
            return None;
        }
        let mut values = Vec::with_capacity(parts.len() * parts[0].values.len());
        for part in &parts {
            let Values::Float(part) = &part.values else { return None };
            values.extend_from_slice(part);
        }
        let shape = [&[parts.len()], &shape[1..]].concat();
        Some((*output, Arc::new(Tensor::new(shape, Values::Float(values)).ok()?)))
    };
    which.iter().map(stack).collect()
}
