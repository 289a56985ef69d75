//! The sizes at which every operator is tested. An operator without cases does not compile here.

use super::*;
use crate::nn::graph::Filters;
use crate::ops::activation::Activation;
use crate::ops::lrn::Lrn;
use crate::ops::relu::Rectifier;
use crate::ops::window::Padding::{Same, Valid};

/// An operator at one size.
pub(super) struct Case {
    pub op: Op,
    pub batch: usize,
    pub inputs: Vec<Vec<usize>>,
    pub ids: Vec<u32>,
    pub training: bool,
    /// Parameters from this number on are statistics, which have no gradient; the last of them is
    /// a variance.
    pub statistics: Option<usize>,
}

/// What an operator is tested at.
pub(super) trait Cases {
    fn cases() -> Vec<Case>;
}

pub(super) fn case(op: Op, inputs: &[&[usize]]) -> Case {
    let inputs: Vec<Vec<usize>> = inputs.iter().map(|shape| shape.to_vec()).collect();
    let batch = inputs.first().map_or(1, |shape| shape[0]);
    Case { op, batch, inputs, ids: Vec::new(), training: true, statistics: None }
}

fn ids(count: usize, below: u32) -> Vec<u32> {
    (0..count as u32).map(|i| i * i * 7 % below).collect()
}

pub(super) const LRN: Lrn = Lrn { radius: 2, bias: 1.0, alpha: 0.3, beta: 0.75 };

impl Cases for Activate {
    fn cases() -> Vec<Case> {
        let of = |function| case(Op::Activate(Self(function)), &[&[5, 7]]);
        let all = [
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::Gelu,
            Activation::Silu,
            Activation::Elu,
        ];
        all.into_iter().map(of).collect()
    }
}

impl Cases for AdditiveAttention {
    fn cases() -> Vec<Case> {
        let of = |batch, positions, width, lengths: &[u32]| Case {
            batch,
            ids: lengths.to_vec(),
            ..case(Op::AdditiveAttention(Self), &[&[positions * batch, width], &[batch, width]])
        };
        let several = Case {
            batch: 2,
            ids: vec![3, 2],
            ..case(Op::AdditiveAttention(Self), &[&[6, 5], &[8, 5]])
        };
        vec![
            several,
            of(1, 1, 1, &[]),
            of(3, 4, 5, &[]),
            of(2, 17, 18, &[]),
            of(3, 5, 6, &[2, 5, 1]),
        ]
    }
}

impl Cases for AvgPool {
    fn cases() -> Vec<Case> {
        let of = |size, stride, padding, images: [usize; 4]| {
            case(Op::AvgPool(Self { size, stride, padding }), &[&images])
        };
        vec![
            of(Some(3), 2, Same, [2, 7, 6, 5]),
            of(Some(2), 2, Valid, [1, 5, 4, 17]),
            of(None, 1, Valid, [3, 6, 5, 4]),
            of(None, 1, Valid, [1, 17, 19, 2]),
        ]
    }
}

impl Cases for BatchNorm {
    fn cases() -> Vec<Case> {
        let of = |training, shape: &[usize]| Case {
            training,
            statistics: Some(2),
            ..case(Op::BatchNorm(Self { epsilon: 1e-3 }), &[shape])
        };
        let mut cases = vec![of(true, &[2, 4, 3, 5]), of(true, &[30, 17])];
        // In inference it is no node of training: only its output counts.
        cases.push(of(false, &[4, 3]));
        cases
    }
}

impl Cases for Concat {
    fn cases() -> Vec<Case> {
        vec![
            case(Op::Concat(Self { axis: 1 }), &[&[3, 4], &[3, 2], &[3, 5]]),
            case(Op::Concat(Self { axis: 3 }), &[&[2, 3, 2, 4], &[2, 3, 2, 1]]),
            case(
                Op::Concat(Self { axis: 2 }),
                &[&[2, 3, 2, 4], &[2, 3, 5, 4], &[2, 3, 1, 4], &[2, 3, 2, 4]],
            ),
        ]
    }
}

impl Cases for Context {
    fn cases() -> Vec<Case> {
        let of = |batch, positions, width| Case {
            batch,
            ..case(Op::Context(Self), &[&[batch, positions], &[positions * batch, width]])
        };
        vec![of(1, 1, 1), of(3, 4, 5), of(2, 3, 18)]
    }
}

impl Cases for Conv2d {
    fn cases() -> Vec<Case> {
        let plain = |filters, biases, images: [usize; 4]| {
            case(Op::Conv2d(Self::new(filters, biases)), &[&images])
        };
        let relu = Self { rectifier: Rectifier::Relu, ..Self::new(Filters::new(4, 3), true) };
        let folded = |biases| Case {
            training: false,
            statistics: Some(0),
            ..case(
                Op::Conv2d(Self { folded: Some(1e-3), ..Self::new(Filters::new(4, 3), biases) }),
                &[&[2, 5, 4, 3]],
            )
        };
        vec![
            plain(Filters::new(5, 3), true, [2, 6, 5, 3]),
            plain(Filters::new(3, 5).stride(2), true, [2, 9, 7, 2]),
            plain(Filters::new(2, 2).valid(), false, [1, 4, 5, 3]),
            plain(Filters::new(17, 1), true, [2, 3, 3, 16]),
            case(Op::Conv2d(relu), &[&[2, 5, 4, 3]]),
            folded(true),
            folded(false),
        ]
    }
}

impl Cases for CrossEntropy {
    fn cases() -> Vec<Case> {
        let of = |rows, classes: usize| Case {
            ids: ids(rows, classes as u32),
            ..case(Op::CrossEntropy(Self::default()), &[&[rows, classes]])
        };
        let weighted =
            Case { ids: ids(4, 7), ..case(Op::CrossEntropy(Self::default()), &[&[4, 7], &[4]]) };
        let first = Self { first: true, ..Self::default() };
        let smoothed = Self { smoothing: 0.25, ..Self::default() };
        let smoothed =
            Case { ids: ids(6, 9), ..case(Op::CrossEntropy(smoothed), &[&[6, 9], &[6]]) };
        let first = case(Op::CrossEntropy(first), &[&[5, 3], &[5]]);
        vec![of(1, 1), of(3, 5), of(9, 20), weighted, first, smoothed]
    }
}

impl Cases for DepthwiseConv2d {
    fn cases() -> Vec<Case> {
        let of =
            |filters, images: [usize; 4]| case(Op::DepthwiseConv2d(Self::new(filters)), &[&images]);
        let inference = Self {
            folded: Some(1e-3),
            rectifier: Rectifier::Relu6,
            ..Self::new(Filters::new(1, 3).stride(2))
        };
        let inference = Case {
            training: false,
            statistics: Some(0),
            ..case(Op::DepthwiseConv2d(inference), &[&[2, 9, 13, 18]])
        };
        vec![
            of(Filters::new(1, 3), [2, 5, 9, 3]),
            of(Filters::new(2, 3).stride(2), [2, 5, 4, 3]),
            of(Filters::new(1, 3), [1, 4, 9, 17]),
            of(Filters::new(1, 2).valid(), [1, 4, 3, 17]),
            inference,
        ]
    }
}

impl Cases for Dropout {
    fn cases() -> Vec<Case> {
        let of = |keep, shape: &[usize]| {
            case(Op::Dropout(Self { keep, stream: "dropout/test".into() }), &[shape])
        };
        vec![of(0.5, &[3, 7]), of(0.3, &[2, 3, 4, 5])]
    }
}

impl Cases for Embedding {
    fn cases() -> Vec<Case> {
        let of = |count, width, tokens| Case {
            ids: ids(tokens, count as u32),
            ..case(Op::Embedding(Self { count, width }), &[])
        };
        vec![of(7, 5, 12), of(3, 16, 1)]
    }
}

impl Cases for Gru {
    fn cases() -> Vec<Case> {
        let of = |hidden, batch, steps, width, lengths: &[u32]| Case {
            batch,
            ids: lengths.to_vec(),
            ..case(Op::Gru(Self { hidden }), &[&[steps * batch, width], &[batch, hidden]])
        };
        let from_zero = Case { batch: 2, ..case(Op::Gru(Self { hidden: 3 }), &[&[6, 4]]) };
        vec![
            of(1, 1, 1, 1, &[]),
            of(5, 3, 4, 2, &[]),
            of(17, 1, 6, 16, &[]),
            of(4, 3, 5, 6, &[5, 2, 1]),
            from_zero,
        ]
    }
}

impl Cases for HalfSumOfSquares {
    fn cases() -> Vec<Case> {
        vec![case(Op::HalfSumOfSquares(Self), &[&[3, 4, 2]])]
    }
}

impl Cases for LastStep {
    fn cases() -> Vec<Case> {
        let of = |rows| Case { batch: 2, ..case(Op::LastStep(Self), &[&[rows, 3]]) };
        vec![of(2), of(6)]
    }
}

impl Cases for Linear {
    fn cases() -> Vec<Case> {
        let dropout = Dropout { keep: 0.5, stream: "dropout/test".into() };
        let relu = Self { relu: true, ..Self::new(6) };
        let all = Self { relu: true, dropout: Some(dropout.clone()), ..Self::new(33) };
        let dropped = Self { dropout: Some(dropout), ..Self::new(5) };
        vec![
            case(Op::Linear(Self::new(4)), &[&[3, 5]]),
            case(Op::Linear(Self::new(17)), &[&[2, 3, 2, 4]]),
            case(Op::Linear(relu), &[&[4, 7]]),
            case(Op::Linear(dropped), &[&[4, 7]]),
            case(Op::Linear(Self { biases: false, ..Self::new(5) }), &[&[3, 4]]),
            case(Op::Linear(Self { transposed: true, ..Self::new(5) }), &[&[3, 4]]),
            case(Op::Linear(all), &[&[5, 9]]),
        ]
    }
}

impl Cases for LrnNode {
    fn cases() -> Vec<Case> {
        let general = Lrn { beta: 0.5, radius: 4, ..LRN };
        vec![
            case(Op::LrnNode(Self(LRN)), &[&[2, 3, 2, 17]]),
            case(Op::LrnNode(Self(general)), &[&[4, 5]]),
        ]
    }
}

impl Cases for LrnPool {
    fn cases() -> Vec<Case> {
        let of = |pool| case(Op::LrnPool(Self { lrn: LRN, pool }), &[&[2, 5, 6, 7]]);
        vec![of(MaxPool::new(3, 2, Same)), of(MaxPool::new(2, 2, Valid))]
    }
}

impl Cases for Lstm {
    fn cases() -> Vec<Case> {
        let of = |hidden, batch, steps, width| Case {
            batch,
            ..case(Op::Lstm(Self { hidden }), &[&[steps * batch, width]])
        };
        vec![of(1, 1, 1, 1), of(5, 3, 4, 2), of(17, 1, 6, 16)]
    }
}

impl Cases for LstmStates {
    fn cases() -> Vec<Case> {
        let op = |hidden| Op::LstmStates(Self { hidden, forget_bias: 0.7 });
        let of = |hidden, batch, steps, width| Case {
            batch,
            ..case(op(hidden), &[&[steps * batch, width], &[batch, 2 * hidden]])
        };
        let from_zero = Case { batch: 2, ..case(op(3), &[&[6, 4]]) };
        vec![of(1, 1, 1, 1), of(5, 3, 4, 2), of(17, 1, 6, 16), of(4, 9, 1, 6), from_zero]
    }
}

impl Cases for MaxPool {
    fn cases() -> Vec<Case> {
        let relu = Self { relu: true, ..Self::new(2, 2, Same) };
        vec![
            case(Op::MaxPool(Self::new(3, 2, Same)), &[&[2, 7, 6, 5]]),
            case(Op::MaxPool(Self::new(2, 3, Valid)), &[&[1, 7, 5, 17]]),
            case(Op::MaxPool(relu), &[&[2, 5, 4, 3]]),
        ]
    }
}

impl Cases for Pad {
    fn cases() -> Vec<Case> {
        let of = |rows, columns| case(Op::Pad(Self { rows, columns }), &[&[2, 3, 2, 5]]);
        vec![of([1, 2], [0, 3]), of([0, 0], [1, 1])]
    }
}

impl Cases for PoolLrn {
    fn cases() -> Vec<Case> {
        let relu = MaxPool { relu: true, ..MaxPool::new(3, 2, Same) };
        let of = |pool| case(Op::PoolLrn(Self { pool, lrn: LRN }), &[&[2, 5, 6, 7]]);
        vec![of(MaxPool::new(3, 2, Same)), of(relu)]
    }
}

impl Cases for Relu {
    fn cases() -> Vec<Case> {
        let of = |rectifier| case(Op::Relu(Self(rectifier)), &[&[5, 9]]);
        vec![of(Rectifier::Relu), of(Rectifier::Relu6)]
    }
}

impl Cases for Reshape {
    fn cases() -> Vec<Case> {
        vec![case(Op::Reshape(Self { row: vec![3, 4] }), &[&[2, 2, 6]])]
    }
}

impl Cases for SampledLogits {
    fn cases() -> Vec<Case> {
        // Rare labels: one that is sampled too has a logit that no slope can be taken of.
        let of = |classes: u32, samples, batch, steps, width| Case {
            batch,
            ids: (0..(steps * batch) as u32).map(|i| classes - 1 - i % 5).collect(),
            ..case(
                Op::SampledLogits(Self {
                    classes: classes as usize,
                    samples,
                    stream: "sampled/test".into(),
                }),
                &[&[steps * batch, width]],
            )
        };
        vec![of(60, 5, 3, 4, 5), of(50, 3, 2, 3, 17), of(90, 1, 1, 1, 1)]
    }
}

impl Cases for Reverse {
    fn cases() -> Vec<Case> {
        let of = |lengths: &[u32]| Case {
            batch: 3,
            ids: lengths.to_vec(),
            ..case(Op::Reverse(Self), &[&[12, 5]])
        };
        vec![of(&[4, 1, 3]), of(&[2, 4, 4])]
    }
}

impl Cases for Slice {
    fn cases() -> Vec<Case> {
        vec![
            case(Op::Slice(Self { axis: 1, start: 2, len: 3 }), &[&[3, 7]]),
            case(Op::Slice(Self { axis: 2, start: 0, len: 1 }), &[&[2, 3, 4, 5]]),
        ]
    }
}

impl Cases for Softmax {
    fn cases() -> Vec<Case> {
        vec![case(Op::Softmax(Self), &[&[3, 5]]), case(Op::Softmax(Self), &[&[2, 20]])]
    }
}

impl Cases for Stack {
    fn cases() -> Vec<Case> {
        vec![case(Op::Stack(Self), &[&[3, 5], &[6, 5]]), case(Op::Stack(Self), &[&[2, 3][..]; 4])]
    }
}

impl Cases for Sum {
    fn cases() -> Vec<Case> {
        vec![case(Op::Sum(Self), &[&[3, 5, 2], &[3, 5, 2]])]
    }
}
