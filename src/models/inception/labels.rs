//! The names of the classes of a graph.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::options::{GraphOptions, local_path};
use crate::data::graphdef::LabelMap;

/// The class names of a graph from a run or a file, or the class numbers if there are none.
#[derive(Debug)]
pub struct Labels {
    graph: PathBuf,
    /// The file that the user names.
    named: Option<LabelMap>,
    /// The names for the scores that the graph has, once these are known.
    fitted: Option<Names>,
}

/// The names of the classes.
#[derive(Debug)]
enum Names {
    Numbers,
    OfFile(LabelMap),
    /// Those of a run.
    Learnt(Vec<String>),
}

impl Labels {
    /// The labels that the options name, or those next to the graph.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(options: &GraphOptions) -> Result<Self> {
        let open = |path: &Path| LabelMap::open(&local_path(path)?);
        let named = options.labels.as_deref().map(open).transpose()?;
        Ok(Self { graph: options.path()?, named, fitted: None })
    }

    /// The classes that a run has learnt.
    pub fn learnt(classes: Vec<String>) -> Self {
        Self { graph: PathBuf::new(), named: None, fitted: Some(Names::Learnt(classes)) }
    }

    /// Finds the names for this many scores.
    ///
    /// # Errors
    /// The file that the user names has a different number of names.
    pub fn fit(&mut self, scores: usize) -> Result<()> {
        if self.fitted.is_none() {
            let map = match self.named.take() {
                Some(named) => Names::OfFile(named.fitted(scores)?),
                None => self.beside(scores),
            };
            self.fitted = Some(map);
        }
        Ok(())
    }

    /// The labels next to the graph. Without matching labels, classes are numbers.
    fn beside(&self, scores: usize) -> Names {
        let found = LabelMap::beside(&self.graph, scores);
        let why = match found {
            Ok(Some(map)) => return Names::OfFile(map),
            Ok(None) => "there is no labels file next to the graph".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        tracing::warn!("classes are shown as numbers: {why}; give a labels file with --labels");
        Names::Numbers
    }

    fn map(&self) -> Option<&LabelMap> {
        match &self.fitted {
            Some(Names::OfFile(map)) => Some(map),
            _ => None,
        }
    }

    /// The name of a class: empty if the file has none, and its number if there is no file.
    pub fn name(&self, class: usize) -> String {
        match &self.fitted {
            Some(Names::OfFile(map)) => map.text(class).to_owned(),
            Some(Names::Learnt(classes)) => classes.get(class).cloned().unwrap_or_default(),
            _ => format!("class {class}"),
        }
    }

    /// The class that a folder is called after: its number, its WordNet id, or its name as the file
    /// has it, or the first of its names.
    ///
    /// # Errors
    /// A name that no class has, or several have.
    pub fn class_of(&self, folder: &str, scores: usize) -> Result<usize> {
        if let Some(class) = self.map().and_then(|map| map.class_of(folder)) {
            return Ok(class);
        }
        if let Some(Names::Learnt(classes)) = &self.fitted
            && let Some(class) = classes.iter().position(|class| class == folder)
        {
            return Ok(class);
        }
        let plain = |name: &str| name.replace('_', " ").trim().to_lowercase();
        let wanted = plain(folder);
        let is_it = |class: &usize| {
            let name = plain(&self.name(*class));
            name == wanted || name.split(',').next() == Some(&*wanted)
        };
        let found: Vec<usize> = (0..scores).filter(is_it).collect();
        match (&found[..], folder.parse::<usize>()) {
            ([one], _) => Ok(*one),
            ([], Ok(number)) if number < scores => Ok(number),
            ([], _) => match &self.fitted {
                Some(Names::Learnt(classes)) => bail!(
                    "the folder {folder:?} is not named after a class of the run; its classes are: {}",
                    classes.join(", ")
                ),
                _ => {
                    let has_ids = |map: &&LabelMap| (0..scores).any(|i| map.wnid(i).is_some());
                    let ids =
                        if self.map().filter(has_ids).is_some() { "a WordNet id, " } else { "" };
                    bail!(
                        "the folder {folder:?} is not named after a class: name it after {ids}a line of the \
                        labels or what it has before its first comma{}, or a number below {scores}",
                        if ids.is_empty() { ", which have no WordNet ids" } else { "" }
                    )
                }
            },
            (several, _) => {
                bail!(
                    "the folder {folder:?} could be any of the classes {several:?}: name it after a number"
                )
            }
        }
    }
}
