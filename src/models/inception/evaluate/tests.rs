//! Nodes compared with TensorFlow, and refused nodes.

mod hostile;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::numbers::Numbers;
use super::{evaluate, knows};
use crate::data::graphdef::proto::{AttrValue, GraphDef, NodeDef};
use crate::data::graphdef::{DataType, FrozenGraph, FrozenNode, Tensor, Values};

/// A node in TensorFlow 2.15, from the script in `tests`:
/// `TF_CPP_MIN_LOG_LEVEL=3 python nodes_tf.py > nodes_tf.json`.
#[derive(Deserialize)]
struct Case {
    op: String,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
    inputs: Vec<Written>,
    outputs: Vec<Written>,
    /// Whether floats are equal to the last bit.
    #[serde(default)]
    exact: bool,
}

/// A tensor: the name of its type, its shape and its values.
#[derive(Deserialize)]
struct Written(String, Vec<usize>, Vec<Number>);

/// A number, or the name of one that JSON lacks.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Int(i64),
    Float(f64),
    Name(String),
}

fn data_type(name: &str) -> DataType {
    let known = (1..=19).filter_map(|number| DataType::from_number(number).ok());
    known.into_iter().find(|known| known.to_string() == name).unwrap()
}

impl Written {
    fn tensor(&self) -> Tensor {
        let Self(name, shape, values) = self;
        let to = data_type(name);
        let is_int = values.iter().all(|value| matches!(value, Number::Int(_)));
        let numbers = if is_int && !matches!(to, DataType::Float | DataType::Double) {
            Numbers::Ints(values.iter().map(Number::int).collect())
        } else {
            Numbers::Floats(values.iter().map(Number::float).collect())
        };
        Tensor::new(shape.clone(), numbers.into_values(to).unwrap()).unwrap()
    }
}

impl Number {
    fn int(&self) -> i64 {
        let Self::Int(value) = self else { panic!("no integer") };
        *value
    }

    fn float(&self) -> f64 {
        match self {
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
            Self::Name(name) => name.parse().unwrap(),
        }
    }
}

fn attribute(value: &Value) -> AttrValue {
    match value {
        Value::Bool(flag) => AttrValue::flag(*flag),
        Value::Number(number) if number.is_f64() => {
            AttrValue::float(number.as_f64().unwrap() as f32)
        }
        Value::Number(number) => AttrValue::int(number.as_i64().unwrap()),
        Value::String(text) => AttrValue::text(text.as_str()),
        Value::Array(ints) => {
            AttrValue::ints(&ints.iter().map(|int| int.as_i64().unwrap()).collect::<Vec<_>>())
        }
        Value::Object(named) => AttrValue::data_type(data_type(named["type"].as_str().unwrap())),
        Value::Null => panic!("no attribute"),
    }
}

/// A node called `n`, as a graph has it.
fn node(node: NodeDef) -> FrozenNode {
    let bytes = GraphDef::new(vec![node], 8).to_bytes().unwrap();
    FrozenGraph::from_bytes(bytes).unwrap().node(0).clone()
}

impl Case {
    fn definition(&self) -> NodeDef {
        let new = NodeDef::new("n", &*self.op);
        let attributes = self.attributes.iter();
        attributes.fold(new, |node, (key, value)| node.attr(key, attribute(value)))
    }

    fn tensors(&self) -> Vec<Tensor> {
        self.inputs.iter().map(Written::tensor).collect()
    }

    /// The difference from TensorFlow.
    fn difference(&self) -> Option<String> {
        let inputs = self.tensors();
        let due: Vec<_> = self.outputs.iter().map(Written::tensor).collect();
        let found = match evaluate(&node(self.definition()), &inputs.iter().collect::<Vec<_>>()) {
            Ok(found) => found,
            Err(error) => return Some(format!("{error:#}")),
        };
        let is_same = found.len() == due.len()
            && found.iter().zip(&due).all(|(found, due)| self.is_same(found, due));
        (!is_same).then(|| format!("{found:?} instead of {due:?}"))
    }

    fn is_same(&self, found: &Tensor, due: &Tensor) -> bool {
        let (of, values) = (&found.values, &due.values);
        if found.shape != due.shape || of.data_type() != values.data_type() {
            return false;
        }
        let tolerance = match of {
            Values::Float(_) if !self.exact => 1e-6,
            Values::Double(_) => 1e-12,
            _ => 0.0,
        };
        match (Numbers::of(of).unwrap(), Numbers::of(values).unwrap()) {
            (Numbers::Floats(found), Numbers::Floats(due)) => are_near(&found, &due, tolerance),
            (Numbers::Ints(found), Numbers::Ints(due)) => found == due,
            _ => false,
        }
    }
}

/// Whether numbers are within a share of the largest that are due.
fn are_near(found: &[f64], due: &[f64], tolerance: f64) -> bool {
    let finite = due.iter().filter(|due| due.is_finite());
    let largest = finite.fold(0.0, |largest: f64, due| largest.max(due.abs()));
    let is_near = |(found, due): (&f64, &f64)| {
        let is_same = found == due || found.is_nan() && due.is_nan();
        is_same || (found - due).abs() <= tolerance * largest
    };
    found.iter().zip(due).all(is_near)
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("tests/nodes_tf.json")).unwrap()
}

#[test]
fn nodes_give_what_tensorflow_gives() {
    let cases = cases();
    assert!(cases.len() > 500, "{} cases", cases.len());
    let differences: Vec<_> = (cases.iter())
        .filter_map(|case| Some((case, case.difference()?)))
        .map(|(case, difference)| format!("{} {:?}: {difference}", case.op, case.attributes))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_operation_is_held_to_tensorflow() {
    let cases = cases();
    // Those of any number of outputs, one that TensorFlow asks a shape for, and one that it draws.
    let others = ["IdentityN", "NoOp", "PlaceholderWithDefault", "RandomUniform"];
    for operation in super::KINDS.iter().copied().flatten() {
        let is_held = cases.iter().any(|case| case.op == operation.name);
        assert!(is_held || others.contains(&operation.name), "{}", operation.name);
        assert!(knows(operation.name));
    }
    assert!(!knows("Const") && !knows("relu"));
    let of = |op: &str, inputs: &[&Tensor]| evaluate(&node(NodeDef::new("n", op)), inputs).unwrap();
    assert!(of("NoOp", &[]).is_empty());
    assert_eq!(of("IdentityN", &[&floats(&[2]), &floats(&[3])]), [floats(&[2]), floats(&[3])]);
    assert_eq!(of("PlaceholderWithDefault", &[&floats(&[2])]), [floats(&[2])]);
    let shape = Tensor::new(vec![1], Values::Int32(vec![1000])).unwrap();
    let random =
        NodeDef::new("n", "RandomUniform").attr("dtype", AttrValue::data_type(DataType::Float));
    let draw = |random: NodeDef| evaluate(&node(random), &[&shape]).unwrap();
    let drawn = draw(random.clone());
    let Values::Float(numbers) = &drawn[0].values else { panic!("{drawn:?}") };
    assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)) && numbers[0] != numbers[1]);
    assert_eq!(draw(random.clone()), drawn);
    assert_ne!(draw(random.attr("seed", AttrValue::int(1))), drawn);
}

fn int32s(values: &[i32]) -> Tensor {
    Tensor::int32s(values)
}

/// Floats that count up.
fn floats(shape: &[usize]) -> Tensor {
    let values = (0..shape.iter().product()).map(|value: usize| value as f32).collect();
    Tensor::new(shape.to_vec(), Values::Float(values)).unwrap()
}

fn refusal(new: NodeDef, inputs: &[&Tensor]) -> String {
    format!("{:#}", evaluate(&node(new), inputs).unwrap_err())
}

/// TensorFlow's own outputs have other shapes here (oneDNN gives that of the input).
#[test]
fn convolutions_of_no_pictures_have_a_shape() {
    let new = NodeDef::new("n", "Conv2D").attr("strides", AttrValue::ints(&[1, 2, 1, 1]));
    let node = node(new.attr("padding", AttrValue::text("VALID")));
    let outputs = evaluate(&node, &[&floats(&[0, 5, 4, 3]), &floats(&[2, 3, 3, 7])]).unwrap();
    assert_eq!(outputs, [floats(&[0, 2, 2, 7])]);
}

#[test]
fn what_is_refused_is_named() {
    let new = |op: &str| NodeDef::new("n", op);
    let (x, y) = (&floats(&[2, 3]), &floats(&[2, 2]));
    let pictures = &floats(&[1, 4, 4, 3]);
    let conv = |sizes: &[i64]| {
        new("Conv2D")
            .attr("strides", AttrValue::ints(sizes))
            .attr("padding", AttrValue::text("SAME"))
    };
    let ones = [1, 1, 1, 1];
    let infinite = Tensor::scalar(f32::INFINITY);
    let cases: &[(NodeDef, &[&Tensor], &str)] = &[
        (new("Wobble"), &[x], "n (Wobble): the operation is not known"),
        (new("Relu"), &[x, y], "n (Relu): the number of its inputs is 1, not 2"),
        (new("ConcatV2"), &[x], "n (ConcatV2): the number of its inputs is 2 or more, not 1"),
        (new("Cast"), &[x], "n (Cast) lacks DstT, a type"),
        (new("Add"), &[x, y], "n (Add): shapes [2, 3] and [2, 2] cannot be broadcast together"),
        (new("Add"), &[x, &int32s(&[1])], "values of type float and of type int32 cannot"),
        (new("Exp"), &[&int32s(&[1])], "values of type int32 are not supported"),
        (new("Div"), &[&int32s(&[1]), &int32s(&[0])], "integer division by zero"),
        (new("MatMul"), &[x, y], "shapes [2, 3] and [2, 2] cannot be multiplied"),
        (new("Reshape"), &[x, &int32s(&[4, -1])], "a value of shape [2, 3] has a different number"),
        (new("Reshape"), &[x, &int32s(&[-1, -1])], "[-1, -1] has more than one unknown size"),
        (
            new("Transpose"),
            &[x, &int32s(&[0, 0])],
            "[0, 0] is not a permutation of the axes of shape [2, 3]",
        ),
        (new("ExpandDims"), &[x, &int32s(&[3])], "axis 3 is out of range for 3 dimensions"),
        (
            new("ConcatV2"),
            &[x, y, &int32s(&[0])],
            "shapes [2, 3] and [2, 2] cannot be joined along",
        ),
        (new("Gather"), &[x, &int32s(&[2])], "index 2 is out of range for axis 0 of shape [2, 3]"),
        (
            new("Slice"),
            &[x, &int32s(&[0, 2]), &int32s(&[1, 2])],
            "is out of range for shape [2, 3]",
        ),
        (new("Fill"), &[&int32s(&[i32::MAX, 9]), x], "expected one value to fill with, got 6"),
        (new("Fill"), &[&int32s(&[i32::MAX, 9]), &infinite], "1073741824 elements, the limit"),
        (new("Tile"), &[x, &int32s(&[i32::MAX, i32::MAX])], "1073741824 elements, the limit"),
        (new("Pad"), &[x, &int32s(&[1, 2])], "expected two numbers for each of 2 axes"),
        (
            new("CheckNumerics").attr("message", AttrValue::text("bad")),
            &[&infinite],
            "bad : the input",
        ),
        (
            conv(&ones),
            &[pictures, &floats(&[1, 1, 2, 3])],
            "filters of shape [1, 1, 2, 3] do not match",
        ),
        (conv(&[1, 0, 1, 1]), &[pictures, &floats(&[1, 1, 3, 3])], "strides [1, 0, 1, 1] must be"),
        (
            conv(&ones).attr("padding", AttrValue::text("VALID")),
            &[pictures, &floats(&[5, 1, 3, 1])],
            "windows of [5, 1] do not fit into images of [4, 4]: they are larger",
        ),
        (new("ResizeBilinear"), &[pictures, &int32s(&[0, 3])], "above zero, not [0, 3]"),
        (new("TopKV2"), &[x, &int32s(&[4])], "rows of shape [2, 3] have fewer than 4 values"),
    ];
    for (new, inputs, due) in cases {
        let found = refusal(new.clone(), inputs);
        assert!(found.starts_with("n (") && found.contains(due), "{found}, not {due}");
    }
}
