//! Pictures of an evaluation: its confusion matrix, and a sheet of the worst mistakes.

use std::path::{Path, PathBuf};

use anyhow::Result;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::super::labels::Labels;
use super::super::retrain::Inception;
use super::results::{Judged, Results};
use crate::atomic;
use crate::data::photo::{self, ReadOptions};
use crate::metrics::Raster;
use crate::metrics::picture::{ConfusionMatrix, Mistake, write_sheet};
use crate::models::session::Session;

/// The side of an image on the sheet.
const SIDE: u32 = 168;
/// Mistakes of a sheet, at most.
const MISTAKES: usize = 36;
/// Classes of a matrix that can still be read.
const MAX_CLASSES: usize = 100;

/// The paths of the plots of a run's evaluation.
pub struct Plots {
    folder: PathBuf,
    /// The evaluated split or folder.
    what: String,
    step: u64,
    classes: Vec<String>,
}

impl Plots {
    /// Beside the curves of the run; `what` was evaluated.
    pub fn of_run(session: &Session<Inception>, what: &str) -> Self {
        let folder = session.run.path().join("plots");
        let classes = session.trained.layer.classes.clone();
        Self { folder, what: what.to_owned(), step: session.step, classes }
    }
}

/// Draws the matrix and the sheet of a run, and the sheet into the file that is named. Returns the
/// files.
///
/// # Errors
/// A file that cannot be written.
pub fn draw(
    results: &Results,
    labels: &Labels,
    plots: Option<&Plots>,
    sheet: Option<&Path>,
) -> Result<Vec<PathBuf>> {
    let mut drawn = Vec::new();
    if let Some(Plots { folder, what, step, classes }) = plots {
        atomic::create_folder(folder)?;
        if classes.len() <= MAX_CLASSES {
            let path = folder.join(format!("confusion-{what}-{step:08}.png"));
            let title = format!("{what}, step {step}: accuracy {:.4}", results.top_1());
            confusion(results, classes).write_png(&path, &title)?;
            drawn.push(path);
        }
    }
    let own = plots
        .map(|plots| plots.folder.join(format!("mistakes-{}-{:08}.png", plots.what, plots.step)));
    let files: Vec<PathBuf> = sheet.map(Path::to_owned).or(own).into_iter().collect();
    let worst = results.worst(MISTAKES);
    if worst.is_empty() && sheet.is_none() {
        return Ok(drawn);
    }
    for path in files {
        draw_sheet(&path, labels, &worst)?;
        drawn.push(path);
    }
    Ok(drawn)
}

fn confusion(results: &Results, classes: &[String]) -> ConfusionMatrix {
    let mut matrix = ConfusionMatrix::new(classes.to_vec());
    results.pictures.iter().for_each(|picture| matrix.add(picture.class, picture.best[0].0));
    matrix
}

fn draw_sheet(path: &Path, labels: &Labels, worst: &[&Judged]) -> Result<()> {
    let classes = worst.iter().flat_map(|picture| [picture.class, picture.best[0].0]);
    let count = classes.max().map_or(0, |largest| largest + 1);
    let names: Vec<String> = (0..count).map(|class| labels.name(class)).collect();
    let thumbnails: Vec<RgbImage> = worst.iter().map(|picture| thumbnail(&picture.path)).collect();
    let raster = |thumbnail| {
        let side = SIDE as usize;
        Raster { width: side, height: side, channels: 3, pixels: thumbnail }
    };
    let mistake = |picture: &&Judged| Mistake {
        index: picture.index as u64,
        truth: picture.class,
        predicted: picture.best[0].0,
        probability: picture.best[0].1,
    };
    let pixels = thumbnails.iter().map(|picture| raster(picture.as_raw().as_slice()));
    let shown: Vec<_> = worst.iter().map(mistake).zip(pixels).collect();
    let title = "The most confident mistakes (true class, predicted class, its probability, index \
    of the image)";
    write_sheet(path, title, &names, &shown)
}

/// The whole image on a white square; only white if it can no longer be read.
fn thumbnail(path: &Path) -> RgbImage {
    let mut square = RgbImage::from_pixel(SIDE, SIDE, Rgb([255; 3]));
    if let Ok(picture) = photo::read(path, ReadOptions::default()) {
        let largest = picture.width().max(picture.height()).max(1);
        let scaled = |side: u32| (side * SIDE / largest).clamp(1, SIDE);
        let (width, height) = (scaled(picture.width()), scaled(picture.height()));
        let small = imageops::resize(&picture, width, height, FilterType::Triangle);
        let (left, top) = ((SIDE - width) / 2, (SIDE - height) / 2);
        imageops::replace(&mut square, &small, left.into(), top.into());
    }
    square
}
