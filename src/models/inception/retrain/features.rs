//! The features of images: the input of a frozen graph's last layer.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::super::options::GraphOptions;
use super::super::pictures::PictureGraph;
use super::cache::{FeatureCache, Row};
use super::listing::{ContentHash, Listing, Picture};
use crate::console;
use crate::data::graphdef::{FrozenGraph, TensorName};
use crate::ops::Cpu;
use crate::system::memory;
use crate::system::wording::{by_number, counted, plural};
use crate::version::VERSION;

/// Batch size: the last bits of an image's features would depend on the other images in its batch, so
/// adding images would change the features of the others.
const AT_ONCE: usize = 1;
/// Pictures that are kept at once.
const KEPT: usize = 16;
/// The folder of the features, in the data folder.
const FOLDER: &str = "cache/inception";

/// Which graph features are of, and which of its tensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureSource {
    /// The checksum of the graph's file.
    pub graph: String,
    /// The tensor, as `node:output`.
    pub tensor: String,
    /// Number of values per image.
    pub values: usize,
}

/// The input of a graph's last matrix product: its features.
///
/// # Errors
/// A graph without a product or a convolution before its output.
pub fn features_of(graph: &FrozenGraph) -> Result<TensorName> {
    let mut at = graph.likely_output().context("the graph has no output")?;
    let mut last = None;
    // A damaged graph may be a ring: the steps are counted.
    for _ in 0..graph.nodes().len() {
        let node = graph.node(at);
        let Some(input) = node.inputs.first() else { break };
        if ["MatMul", "Conv2D"].contains(&&*node.op) {
            last = Some(*input);
            break;
        }
        at = input.node;
    }
    let mut features =
        last.with_context(|| format!("{} has no last layer: name a tensor", graph.place()))?;
    // Other shapes of the same values have names that nobody knows.
    while ["Reshape", "Squeeze", "Identity"].contains(&&*graph.node(features.node).op) {
        match graph.node(features.node).inputs.first() {
            Some(input) => features = *input,
            None => break,
        }
    }
    let node = graph.node(features.node).name.clone();
    Ok(TensorName { node, output: features.output })
}

/// The checksum by which a graph's file is known, with its length.
///
/// # Errors
/// The file cannot be read.
pub fn graph_checksum(path: &Path) -> Result<String> {
    let cannot = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let (mut buffer, mut checksum, mut bytes) = (vec![0; 1 << 18], 0, 0);
    loop {
        match file.read(&mut buffer).with_context(cannot)? {
            0 => return Ok(format!("{checksum:08x} of {bytes} bytes")),
            n => {
                checksum = crc32c::crc32c_append(checksum, &buffer[..n]);
                bytes += n;
            }
        }
    }
}

/// A graph that gives features, and where those that are known lie.
pub struct Extractor {
    graph: PictureGraph,
    /// What is fed beside the images, a line each.
    feeds: String,
    /// The source of its features; `values` is 0 until some are known.
    pub source: FeatureSource,
}

/// The features of the images of a listing.
#[derive(Debug)]
pub struct Features {
    /// The images that could be computed, and the files that could not.
    pub listing: Listing,
    /// The features of each.
    pub rows: Vec<Row>,
    /// Their source.
    pub source: FeatureSource,
}

impl Extractor {
    /// Opens a graph; `features` names the tensor.
    ///
    /// # Errors
    /// As [`PictureGraph::open`]; a graph in which no features are found.
    pub fn open(options: &GraphOptions, features: Option<TensorName>) -> Result<Self> {
        let path = options.path()?;
        let tensor = match features {
            Some(tensor) => tensor,
            None => features_of(&FrozenGraph::open(&path)?).context(
                "data.features is empty and no features were detected: set it to a tensor of the graph",
            )?,
        };
        let source =
            FeatureSource { graph: graph_checksum(&path)?, tensor: tensor.to_string(), values: 0 };
        let feeds = options.feed.iter().map(|given| format!("feed {given}\n")).collect();
        Ok(Self { graph: PictureGraph::open(options, Some(&tensor))?, feeds, source })
    }

    /// The features of all pictures: those that `data_dir` has from before, and the others computed,
    /// which are kept there.
    ///
    /// # Errors
    /// The cache cannot be used, or the features of the images differ in length.
    pub fn extract(mut self, cpu: &Cpu, mut listing: Listing, data_dir: &Path) -> Result<Features> {
        let wanted: HashSet<ContentHash> =
            listing.pictures.iter().map(|picture| picture.hash).collect();
        let description = self.description(cpu);
        let hash = ContentHash::of(description.as_bytes());
        let (folder, name) = (data_dir.join(FOLDER), format!("{hash:?}.features"));
        let mut cache = FeatureCache::open(&folder, &name, &description, &wanted)?;
        let failed = self.compute(cpu, &listing, wanted.len(), &mut cache)?;
        let mut unreadable = Vec::new();
        listing.pictures.retain(|picture| match failed.get(&picture.hash) {
            Some(reason) => {
                unreadable.push((picture.path.clone(), reason.clone()));
                false
            }
            None => true,
        });
        listing.unreadable.extend(unreadable);
        self.gather(listing, &cache)
    }

    /// What the features depend on besides the content of an image.
    fn description(&self, cpu: &Cpu) -> String {
        let FeatureSource { graph, tensor, .. } = &self.source;
        let (entry, feeds, isa) = (self.graph.entry(), &self.feeds, cpu.isa().name());
        format!(
            "tfm {VERSION}, {isa}, {AT_ONCE} at once\ngraph {graph}\ntensor {tensor}\n{entry:?}\n{feeds}"
        )
    }

    /// Computes what the cache lacks. Returns why contents could not be computed.
    fn compute(
        &mut self,
        cpu: &Cpu,
        listing: &Listing,
        wanted: usize,
        cache: &mut FeatureCache,
    ) -> Result<HashMap<ContentHash, String>> {
        let mut missing: HashMap<PathBuf, ContentHash> = HashMap::new();
        let (mut paths, mut seen) = (Vec::new(), HashSet::new());
        for picture in &listing.pictures {
            if cache.get(&picture.hash).is_none() && seen.insert(picture.hash) {
                paths.push(picture.path.clone());
                missing.insert(picture.path.clone(), picture.hash);
            }
        }
        let there = wanted - paths.len();
        tracing::info!(
            "Features: {there} of {wanted} {} {} in {}",
            plural(wanted, "image"),
            by_number(there, "is", "are"),
            cache.path().display()
        );
        let (mut failed, mut ready) = (HashMap::new(), Vec::with_capacity(KEPT));
        let mut progress = Progress::new(paths.len());
        let Self { graph, source, .. } = self;
        graph.each(cpu, &paths, AT_ONCE, |(path, row)| {
            let hash = missing[path];
            match row {
                Ok(row) => {
                    // Those that are held take nothing of what is available now.
                    let held = cache.len() + ready.len();
                    ensure_fits(source, wanted.saturating_sub(held), row.len())?;
                    ready.push((hash, Row::from(row)));
                }
                Err(error) => drop(failed.insert(hash, format!("{error:#}"))),
            }
            if progress.is_whole_batch() {
                cache.add(std::mem::take(&mut ready));
            }
            Ok(true)
        })?;
        progress.end();
        Ok(failed)
    }

    fn gather(self, listing: Listing, cache: &FeatureCache) -> Result<Features> {
        let (tensor, mut rows) = (&self.source.tensor, Vec::with_capacity(listing.pictures.len()));
        let mut values = None;
        for Picture { path, hash, .. } in &listing.pictures {
            let row = cache.get(hash).with_context(|| format!("{} is lost", path.display()))?;
            let width = *values.get_or_insert(row.len());
            ensure!(
                row.len() == width,
                "{tensor} has {} {} for {} and {width} for others: set data.features to a tensor of one \
                size",
                row.len(),
                plural(row.len(), "value"),
                path.display()
            );
            rows.push(Row::clone(row));
        }
        let source = FeatureSource { values: values.unwrap_or_default(), ..self.source };
        Ok(Features { listing, rows, source })
    }
}

/// Refuses features that memory cannot hold.
fn ensure_fits(source: &FeatureSource, pictures: usize, values: usize) -> Result<()> {
    let bytes = (pictures * values * size_of::<f32>()) as u64;
    let what = || format!("{values} values of {} of {pictures} more images", source.tensor);
    memory::ensure_fits(bytes, what)
}

/// How far a computation is.
struct Progress {
    done: usize,
    total: usize,
    start: Instant,
}

impl Progress {
    fn new(total: usize) -> Self {
        Self { done: 0, total, start: Instant::now() }
    }

    fn rate(&self) -> f64 {
        self.done as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// Counts an image and returns whether it completes a batch.
    fn is_whole_batch(&mut self) -> bool {
        self.done += 1;
        let (share, rate) = (self.done as f64 / self.total as f64, self.rate());
        let left = Duration::from_secs_f64((self.total - self.done) as f64 / rate);
        let parts = [format!("{} left", console::duration(left)), format!("{rate:.1} pictures/s")];
        console::status(|width| console::fit("features", share, &parts, width));
        self.done.is_multiple_of(KEPT) || self.done == self.total
    }

    fn end(&self) {
        console::clear();
        if self.total > 0 {
            let time = self.start.elapsed().as_secs_f64();
            let (images, rate) = (counted(self.total, "image"), self.rate());
            tracing::info!("Computed the features of {images} in {time:.1} s, {rate:.1} images/s");
        }
    }
}
