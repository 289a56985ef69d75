//! The labels of a classifier's scores, from whatever file they come in.
//!
//! | file | what it holds |
//! |---|---|
//! | `imagenet_2012_challenge_label_map_proto.pbtxt` | the WordNet id of each class of the 2015 graph; `imagenet_synset_to_human_label_map.txt` beside it has their names |
//! | `imagenet_slim_labels.txt`, `labels.txt`, `retrained_labels.txt` | a label a line, in the order of the scores |
//! | slim's `labels.txt` of a data set | `0:tench` |
//! | `imagenet_lsvrc_2015_synsets.txt`, `LOC_synset_mapping.txt` | a WordNet id a line, perhaps with names |
//! | `imagenet_class_index.json` of Keras, `config.json` of a hub | `{"0": ["n01440764", "tench"]}`, `{"id2label": {"0": "tench"}}`, `["tench"]` |
//!
//! What a file is, its content says.

mod parse;

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::kind;
use crate::data::input::{self, Input};
use crate::system::wording::plural;
use parse::{Entry, Form};

/// The most bytes of a file of labels. That of all WordNet ids has 0.7 MB.
const MAX_BYTES: u64 = 1 << 26;
/// The most classes.
const MAX_CLASSES: usize = 1 << 20;

/// The scores of the 2015 graph and of GoogLeNet, the last of which belong to no class.
const SCORES_OF_2015: usize = 1008;
/// The classes of the challenge, and these with the background before them.
const CHALLENGE: usize = 1000;
const WITH_BACKGROUND: usize = CHALLENGE + 1;

const CHALLENGE_MAP: &str = "imagenet_2012_challenge_label_map_proto.pbtxt";
/// Files that name WordNet ids: that of the 2015 graph, and slim's.
const NAMES_OF_IDS: &[&str] = &["imagenet_synset_to_human_label_map.txt", "imagenet_metadata.txt"];
/// Label files next to a graph, tried after those with the graph's own name.
const BESIDE: &[&str] = &[
    "retrained_labels.txt",
    "output_labels.txt",
    "imagenet_slim_labels.txt",
    "imagenet_comp_graph_label_strings.txt",
    "labels.txt",
    "ImageNetLabels.txt",
    "imagenet_class_index.json",
    "imagenet_lsvrc_2015_synsets.txt",
];

/// What the scores of a classifier stand for: a text for each, and its WordNet id where it is known.
#[derive(Clone, Debug)]
pub struct LabelMap {
    /// The file.
    path: PathBuf,
    form: Form,
    texts: Vec<String>,
    /// Empty where it is not known.
    wnids: Vec<String>,
    by_wnid: HashMap<String, usize>,
}

impl LabelMap {
    /// The text of a file that [`LabelMap::open`] reads as these labels: one per line, preceded by
    /// their numbers where they would otherwise be misread.
    ///
    /// # Errors
    /// A label that no such file can have.
    pub fn written(labels: &[String]) -> Result<String> {
        let lines = |label: &dyn Fn((usize, &String)) -> String| -> String {
            labels.iter().enumerate().map(|one| label(one) + "\n").collect()
        };
        let plain = lines(&|(_, label)| label.clone());
        let numbered = lines(&|(class, label)| format!("{class}:{label}"));
        let is_read = |text: &&String| {
            let entries = parse::parse(text).map(|(_, entries)| entries).unwrap_or_default();
            let texts: Vec<&String> = entries.iter().map(|entry| &entry.text).collect();
            texts == labels.iter().collect::<Vec<_>>()
        };
        let found = [&plain, &numbered].into_iter().find(is_read);
        found.cloned().with_context(|| {
            format!(
                "a label file cannot hold these names, which have leading or trailing spaces or \
                 unprintable characters: {labels:?}; rename the image folders"
            )
        })
    }

    /// The labels of a file, for as many scores as it has.
    ///
    /// # Errors
    /// A file that cannot be read, is too large or is not text; a class that occurs twice or has no
    /// number; ids without the file of their names. The line is named.
    pub fn open(path: &Path) -> Result<Self> {
        let text = read(path)?;
        let (form, entries) = parse::parse(&text).map_err(|damage| damage.at(path))?;
        if form == Form::Synsets && entries.len() > SCORES_OF_2015 {
            let map = path.with_file_name(CHALLENGE_MAP);
            ensure!(
                map.exists(),
                "{} has the names of {} WordNet ids, but not in class order: give {CHALLENGE_MAP} \
                 from the same archive",
                path.display(),
                entries.len()
            );
            return Self::open(&map);
        }
        let mut labels = Self::of_entries(path, form, entries)?;
        labels.name_ids()?;
        Ok(labels)
    }

    /// The labels next to a graph with `scores` scores: the first file of a usual name that fits;
    /// `None` if there is no such file.
    ///
    /// # Errors
    /// No file fits; the reason is given for each.
    pub fn beside(graph: &Path, scores: usize) -> Result<Option<Self>> {
        let mut reasons = Vec::new();
        for path in candidates(graph) {
            match Self::open(&path).and_then(|labels| labels.fitted(scores)) {
                Ok(labels) => return Ok(Some(labels)),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        ensure!(
            reasons.is_empty(),
            "no label file next to {} fits: {}",
            graph.display(),
            reasons.join("; ")
        );
        Ok(None)
    }

    /// The labels for `scores` scores.
    ///
    /// Where a graph is known to count otherwise they are moved: WordNet ids of the 1,000 classes in
    /// their alphabetic order follow the background of 1,001 scores, a background or dummy is left
    /// out for 1,000, and what the 2015 graph and GoogLeNet have beyond their classes, 1,008 scores
    /// in all, has no text.
    ///
    /// # Errors
    /// Labels of another number, with that of the scores and what fits.
    pub fn fitted(mut self, scores: usize) -> Result<Self> {
        let first = self.texts.first().map(|text| text.to_lowercase()).unwrap_or_default();
        let is_challenge = self.form == Form::Challenge && self.len() == WITH_BACKGROUND;
        match (self.len(), scores) {
            // The order of the 2015 graph is its own, though others have 1,001 scores.
            (_, SCORES_OF_2015) if is_challenge => self.pad(scores),
            (WITH_BACKGROUND, SCORES_OF_2015) if first == "dummy" => self.pad(scores),
            (WITH_BACKGROUND, CHALLENGE) if ["background", "dummy"].contains(&&*first) => {
                self.texts.remove(0);
                self.wnids.remove(0);
                self.index();
            }
            (CHALLENGE, WITH_BACKGROUND) if self.is_alphabetic() => {
                self.texts.insert(0, "background".to_owned());
                self.wnids.insert(0, String::new());
                self.index();
            }
            (labels, scores) if labels == scores && !is_challenge => {}
            // The classes of the challenge count from 1: nothing of the file stands for 0.
            (labels, scores) => bail!(
                "{} has {} {}, but the graph has {scores} {}{}",
                self.path.display(),
                labels - usize::from(is_challenge),
                plural(labels - usize::from(is_challenge), "label"),
                plural(scores, "score"),
                way_out([labels, scores], is_challenge)
            ),
        }
        Ok(self)
    }

    /// The file that they are from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One more than the largest class.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are no labels; a file always has some.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of a class; empty where none is known, as in the reference.
    pub fn text(&self, class: usize) -> &str {
        self.texts.get(class).map_or("", String::as_str)
    }

    /// The WordNet id of a class (`n02510455`), where the file has it.
    pub fn wnid(&self, class: usize) -> Option<&str> {
        self.wnids.get(class).map(String::as_str).filter(|wnid| !wnid.is_empty())
    }

    /// The class of a WordNet id, where the file has it.
    pub fn class_of(&self, wnid: &str) -> Option<usize> {
        self.by_wnid.get(wnid).copied()
    }

    fn of_entries(path: &Path, form: Form, entries: Vec<Entry>) -> Result<Self> {
        let place = path.display();
        let len = entries.iter().map(|entry| entry.class + 1).max();
        let len = len.with_context(|| format!("{place} contains no labels"))?;
        ensure!(len <= MAX_CLASSES, "{place}: class {} is above {MAX_CLASSES}", len - 1);
        let mut is_known = vec![false; len];
        let (mut texts, mut wnids) = (vec![String::new(); len], vec![String::new(); len]);
        for Entry { class, line, wnid, text } in entries {
            ensure!(!is_known[class], "{place}:{line}: class {class} occurs twice");
            is_known[class] = true;
            (wnids[class], texts[class]) = (wnid, text);
        }
        let by_wnid = HashMap::new();
        let mut labels = Self { path: path.to_path_buf(), form, texts, wnids, by_wnid };
        labels.index();
        Ok(labels)
    }

    /// Names the classes of which only the WordNet id is known, by the file beside. The 2015 graph
    /// has no labels without it, and its reader leaves an id that it lacks without a name.
    fn name_ids(&mut self) -> Result<()> {
        let is_bare = |(text, wnid): (&String, &String)| text.is_empty() && !wnid.is_empty();
        if !self.texts.iter().zip(&self.wnids).any(is_bare) {
            return Ok(());
        }
        let files = NAMES_OF_IDS.iter().map(|name| self.path.with_file_name(name));
        let Some(names) = files.into_iter().find(|path| path.exists()) else {
            ensure!(
                self.form != Form::Challenge,
                "{} has WordNet ids: put {}, which names them, next to it",
                self.path.display(),
                NAMES_OF_IDS[0]
            );
            self.texts.clone_from(&self.wnids);
            return Ok(());
        };
        let text = read(&names)?;
        let names: HashMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once('\t')).collect();
        for (text, wnid) in
            self.texts.iter_mut().zip(&self.wnids).filter(|(text, _)| text.is_empty())
        {
            *text = names.get(&**wnid).map_or(String::new(), |name| (*name).trim().to_owned());
        }
        Ok(())
    }

    fn pad(&mut self, scores: usize) {
        self.texts.resize(scores, String::new());
        self.wnids.resize(scores, String::new());
    }

    fn index(&mut self) {
        let known = self.wnids.iter().enumerate().filter(|(_, wnid)| !wnid.is_empty());
        self.by_wnid = known.map(|(class, wnid)| (wnid.clone(), class)).collect();
    }

    /// Whether every class has a WordNet id, and these are in their order.
    fn is_alphabetic(&self) -> bool {
        self.wnids.iter().all(|wnid| !wnid.is_empty())
            && self.wnids.windows(2).all(|pair| pair[0] < pair[1])
    }
}

fn way_out([labels, scores]: [usize; 2], is_challenge: bool) -> String {
    match scores {
        _ if is_challenge => {
            format!(": this file is for the 2015 graph, which has {SCORES_OF_2015}")
        }
        SCORES_OF_2015 => {
            format!(": if this is the 2015 graph, use {CHALLENGE_MAP} from its archive")
        }
        WITH_BACKGROUND if labels == CHALLENGE => {
            ": the first score is the background class, which needs its own line".into()
        }
        _ => String::new(),
    }
}

/// The files beside a graph that may have its labels, those with its own name first.
fn candidates(graph: &Path) -> Vec<PathBuf> {
    let stem = graph.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let mut names =
        vec![CHALLENGE_MAP.to_owned(), format!("{stem}_labels.txt"), format!("{stem}.txt")];
    if stem.contains("graph") {
        names.push(format!("{}.txt", stem.replace("graph", "labels")));
    }
    names.extend(BESIDE.iter().map(|name| (*name).to_owned()));
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in names.iter().map(|name| graph.with_file_name(name)) {
        if path.is_file() && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// The whole text of a file of labels.
fn read(path: &Path) -> Result<String> {
    let place = path.display();
    let reader = Input::open(path)?.reader;
    let text = input::whole_text(&mut reader.take(MAX_BYTES + 1), path)?;
    ensure!(
        text.len() as u64 <= MAX_BYTES,
        "{place} has more than {MAX_BYTES} bytes, too many for a label file"
    );
    if let Some(what) = kind::of_download(&text) {
        bail!("{place} is {what}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
