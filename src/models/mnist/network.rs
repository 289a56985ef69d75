//! The LeNet-like network of TensorFlow's `convolutional.py` (after LeCun et al., 1998): two
//! convolutions with pooling, two dense layers.

use crate::nn::{Filters, Init, Value};
use crate::ops::window::Padding::Same;

/// The probability of keeping a unit in dropout.
pub(super) const KEEP: f32 = 0.5;

/// The logits of `images` (batch, 28, 28, 1). The parameters of the dense layers decay.
pub fn logits(images: Value, classes: usize) -> Value {
    network(images, classes, KEEP)
}

/// The same with another probability.
pub(super) fn network(images: Value, classes: usize, keep: f32) -> Value {
    let init = |bias| Init::truncated_normal(0.1).bias(bias);
    let x = images.conv2d("conv1", Filters::new(32, 5), init(0.0)).relu().max_pool(2, 2, Same);
    let x = x.conv2d("conv2", Filters::new(64, 5), init(0.1)).relu().max_pool(2, 2, Same);
    let x = x.linear("fc1", 512, init(0.1).decay_all()).relu().dropout("fc1", keep);
    x.linear("fc2", classes, init(0.1).decay_all())
}
