//! What a file is that is given for a frozen graph: its kind by its bytes, in words with a way out.

use std::path::Path;

use super::wire::{self, Malformed};
use crate::data::input;

/// The most nodes of a graph. NASNet-large, one of the largest classifiers, has below 20,000.
const MAX_NODES: usize = 1 << 18;
/// The most names, inputs and attributes of all nodes together.
const MAX_FIELDS: usize = 1 << 20;
/// Bytes that are looked at to tell what a file is: those of a tar archive's header.
const HEAD: usize = 512;

/// Formats by the bytes at an offset, and what to do.
const FORMATS: &[(usize, &[u8], &str)] = &[
    (0, b"\x89HDF\r\n", "a Keras model (HDF5), not a frozen graph: freeze it in TensorFlow"),
    (
        4,
        b"TFL3",
        "a TensorFlow Lite model, not a frozen graph: use the .pb file that it was converted from",
    ),
    (0, b"\x1f\x8b", "a gzip file: unpack it with gunzip or tar xzf"),
    (0, b"\xff\xd8\xff", "a JPEG image, not a frozen graph"),
    (0, b"\x89PNG\r\n", "a PNG image, not a frozen graph"),
];

/// What ends LevelDB's tables, in which checkpoints are.
const TABLE: &[u8] = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb";

const SAVED_MODEL: &str = "a SavedModel, not a frozen graph: convert it with freeze_graph.py \
                           --input_saved_model_dir";
const META_GRAPH: &str = "a MetaGraphDef (.meta), the graph of a checkpoint without its values: \
                          freeze both with freeze_graph.py --input_meta_graph";
const CHECKPOINT: &str = "a part of a checkpoint, not a frozen graph: convert it with \
                          freeze_graph.py --input_checkpoint";
const ONNX: &str = "an ONNX model, not a frozen TensorFlow graph";

/// What a path is if it is a folder.
pub(super) fn of_folder(path: &Path) -> Option<&'static str> {
    if !path.is_dir() {
        return None;
    }
    let is_saved_model =
        ["saved_model.pb", "saved_model.pbtxt"].map(|name| path.join(name).exists());
    Some(if is_saved_model.contains(&true) {
        SAVED_MODEL
    } else {
        "a folder: give the .pb file inside it"
    })
}

/// What the bytes of a file are, if they are not a frozen graph that can be read.
pub(super) fn instead(bytes: &[u8], path: &Path) -> Option<String> {
    let damage = Outline::of(bytes).err()?;
    let head = &bytes[..bytes.len().min(HEAD)];
    let begins = |(at, magic, _): &&(usize, &[u8], &str)| {
        head.get(*at..).is_some_and(|rest| rest.starts_with(magic))
    };
    let known = FORMATS.iter().find(begins).map(|(.., what)| *what);
    let known = known.or_else(|| input::not_read(head)).or_else(|| of_checkpoint(bytes, path));
    Some(known.or_else(|| of_text(head)).map_or(damage, str::to_owned))
}

/// A checkpoint's table by its last bytes, its data by its name, for they have no mark.
fn of_checkpoint(bytes: &[u8], path: &Path) -> Option<&'static str> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    (bytes.ends_with(TABLE) || name.contains(".data-")).then_some(CHECKPOINT)
}

/// What a text is; `None` if the bytes are not text.
fn of_text(head: &[u8]) -> Option<&'static str> {
    // The last letter may be cut off.
    let len = match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_some() => return None,
        Err(error) => error.valid_up_to(),
        Ok(text) => text.len(),
    };
    let text = String::from_utf8_lossy(&head[..len]);
    if text.is_empty() || text.contains(|c: char| c.is_control() && !"\t\n\r".contains(c)) {
        return None;
    }
    if let Some(what) = of_download(&text) {
        return Some(what);
    }
    let text = text.to_lowercase();
    let has = |part: &str| text.contains(part);
    Some(if has("model_checkpoint_path:") {
        CHECKPOINT
    } else if has("saved_model_schema_version") || has("meta_graphs {") {
        SAVED_MODEL
    } else if has("meta_info_def {") {
        META_GRAPH
    } else if has("node {") || has("node{") || has("versions {") || has("library {") {
        "a GraphDef as text (.pbtxt): convert it to binary, for example with tf.io.write_graph(…, \
         as_text=False)"
    } else {
        "a text file, not a frozen graph"
    })
}

/// What a text is that a download has left in place of a file.
pub(super) fn of_download(text: &str) -> Option<&'static str> {
    let start: String = text.trim_start().chars().take(80).collect();
    let start = start.to_lowercase();
    if start.starts_with("version https://git-lfs") {
        Some("a Git LFS pointer, not the file itself: get the file with `git lfs pull`")
    } else if start.starts_with("<!doctype html") || start.starts_with("<html") {
        Some("a web page, not the file itself: the download returned an HTML page")
    } else {
        None
    }
}

/// What the fields of a file's outermost message look like.
#[derive(Default)]
struct Outline {
    /// The nodes.
    nodes: usize,
    /// Their fields.
    fields: usize,
    /// Whether field 2 is itself a graph with nodes.
    has_graph_within: bool,
    /// Whether field 7 or 8 is a message, as in ONNX.
    is_onnx: bool,
}

impl Outline {
    /// Holds the file to what a graph looks like; the error says what it is instead.
    fn of(bytes: &[u8]) -> Result<(), String> {
        let mut outline = Self::default();
        let damage = outline.read(bytes).err();
        let is_cut = matches!(damage, Some(Malformed::Cut { .. }));
        let Self { nodes, fields, has_graph_within, is_onnx } = outline;
        Err(if bytes.is_empty() {
            "empty".to_owned()
        } else if bytes.starts_with(b"\x08\x01\x12") {
            SAVED_MODEL.to_owned()
        } else if bytes.starts_with(b"\x08") && is_onnx {
            ONNX.to_owned()
        } else if has_graph_within && nodes <= 1 {
            META_GRAPH.to_owned()
        } else if nodes == 0 && !(is_cut && bytes.starts_with(b"\x0a")) {
            "not a frozen graph (GraphDef): it has no nodes".to_owned()
        } else if nodes > MAX_NODES {
            format!("not a supported graph: it has more than {MAX_NODES} nodes")
        } else if fields > MAX_FIELDS {
            format!("not a supported graph: its nodes have more than {MAX_FIELDS} fields")
        } else {
            match damage {
                None => return Ok(()),
                Some(cut @ Malformed::Cut { .. }) => format!("truncated: {cut}; download it again"),
                Some(damage) => format!("damaged: {damage}; download it again"),
            }
        })
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        for field in wire::fields(bytes) {
            let field = field?;
            match (field.number, field.content) {
                (1, Some(node)) if begins_as(node, &[1]) => {
                    self.nodes += 1;
                    self.fields += wire::fields(node).take(MAX_FIELDS + 1).count();
                }
                (2, Some(graph)) => self.has_graph_within |= has_nodes(graph),
                (7 | 8, Some(_)) => self.is_onnx = true,
                _ => {}
            }
            if self.nodes > MAX_NODES || self.fields > MAX_FIELDS {
                break;
            }
        }
        Ok(())
    }
}

/// Whether the first fields of a message have contents and these numbers: the first of a node is its
/// name, the second its operation.
fn begins_as(message: &[u8], numbers: &[u64]) -> bool {
    let fields = wire::fields(message).take(numbers.len()).flatten();
    fields
        .filter(|field| field.content.is_some())
        .map(|field| field.number)
        .eq(numbers.iter().copied())
}

/// Whether the first field of a message is a node.
fn has_nodes(graph: &[u8]) -> bool {
    let first = wire::fields(graph).next().and_then(Result::ok);
    first.is_some_and(|field| {
        field.number == 1 && field.content.is_some_and(|node| begins_as(node, &[1, 2]))
    })
}

#[cfg(test)]
mod tests;
