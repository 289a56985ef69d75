//! Where a graph begins and where it ends, as far as this can be guessed.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::{DataType, FrozenGraph, FrozenNode, TensorName};

/// Operations whose value is given from outside.
const INPUTS: &[&str] = &["Placeholder", "PlaceholderV2", "PlaceholderWithDefault"];
/// Operations that read the bytes of an image's file.
const DECODERS: &[&str] =
    &["DecodeJpeg", "DecodePng", "DecodeGif", "DecodeBmp", "DecodeImage", "DecodeAndCropJpeg"];
/// Operations whose value nobody waits for.
const NO_OUTPUTS: &[&str] = &["Const", "NoOp", "Assert", "Print", "PrintV2", "CheckNumerics"];
/// Operations that give the numbers of classes.
const CHOICES: &[&str] = &["ArgMax", "TopK", "TopKV2"];
/// Operations that only give a value another shape or name.
const SAME_VALUE: &[&str] = &["Reshape", "Identity", "Squeeze", "StopGradient"];

impl FrozenGraph {
    /// The nodes that a caller is likely to feed, by index: placeholders, and the string that is
    /// decoded as an image, though it is a constant in the graph of 2015.
    pub fn inputs(&self) -> Vec<usize> {
        let decoders = self.nodes().iter().filter(|node| DECODERS.contains(&&*node.op));
        let files = decoders.filter_map(|node| Some(node.inputs.first()?.node));
        let files: HashSet<usize> = files.filter(|&file| is_string(self.node(file))).collect();
        let is_input = |(index, node): &(usize, &FrozenNode)| {
            INPUTS.contains(&&*node.op) || files.contains(index)
        };
        self.nodes().iter().enumerate().filter(is_input).map(|(index, _)| index).collect()
    }

    /// The nodes that no other reads, by index, without constants and mere checks.
    pub fn outputs(&self) -> Vec<usize> {
        let mut is_read = vec![false; self.nodes().len()];
        for node in self.nodes() {
            node.inputs.iter().for_each(|input| is_read[input.node] = true);
            node.control_inputs.iter().for_each(|&before| is_read[before] = true);
        }
        let is_output = |&index: &usize| {
            let op = &*self.node(index).op;
            !is_read[index] && !NO_OUTPUTS.contains(&op) && !INPUTS.contains(&op)
        };
        (0..self.nodes().len()).filter(is_output).collect()
    }

    /// The node whose value is most likely wanted: the last softmax, or what gives it another shape
    /// alone; without a softmax the last of [`FrozenGraph::outputs`].
    pub fn likely_output(&self) -> Option<usize> {
        let softmax = self.nodes().iter().rposition(|node| node.op == "Softmax");
        let Some(mut last) = softmax else { return self.last_scores() };
        let only_reader = self.only_readers();
        // A ring of such nodes is a damaged graph: the steps are counted.
        for _ in 0..self.nodes().len() {
            match only_reader[last] {
                Some(reader) if SAME_VALUE.contains(&&*self.node(reader).op) => last = reader,
                _ => break,
            }
        }
        Some(last)
    }

    /// Whether the values of a tensor are probabilities by the operation that they come from.
    pub fn gives_probabilities(&self, tensor: &TensorName) -> bool {
        let Ok(mut at) = self.find(tensor) else { return false };
        for _ in 0..self.nodes().len() {
            let node = self.node(at.node);
            match node.inputs.first() {
                Some(&input) if SAME_VALUE.contains(&&*node.op) => at = input,
                _ => break,
            }
        }
        ["Softmax", "Sigmoid"].contains(&&*self.node(at.node).op)
    }

    /// The last of [`FrozenGraph::outputs`], or what it was chosen from where it is the number of a class.
    fn last_scores(&self) -> Option<usize> {
        let mut last = self.outputs().pop()?;
        let mut at = last;
        for _ in 0..self.nodes().len() {
            let node = self.node(at);
            let (is_choice, is_passed_on) =
                (CHOICES.contains(&&*node.op), ["Identity", "Cast"].contains(&&*node.op));
            match node.inputs.first() {
                Some(input) if is_choice || is_passed_on => at = input.node,
                _ => break,
            }
            if is_choice {
                last = at;
            }
        }
        Some(last)
    }

    /// For each node the one that reads it, if one alone does.
    fn only_readers(&self) -> Vec<Option<usize>> {
        let mut readers = vec![(0, None); self.nodes().len()];
        for (index, node) in self.nodes().iter().enumerate() {
            for input in &node.inputs {
                let (n, reader) = &mut readers[input.node];
                (*n, *reader) = (*n + 1, Some(index));
            }
        }
        readers.into_iter().map(|(n, reader)| reader.filter(|_| n == 1)).collect()
    }

    /// The operations with the number of their nodes, the most frequent first.
    pub fn op_counts(&self) -> Vec<(&str, usize)> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        self.nodes().iter().for_each(|node| *counts.entry(&node.op).or_default() += 1);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|&(op, n)| (Reverse(n), op));
        counts
    }
}

fn is_string(node: &FrozenNode) -> bool {
    matches!(node.data_type("dtype", None), Ok(DataType::String))
}
