//! The network of TensorFlow's CIFAR-10 tutorial, after cuda-convnet's "layers-18pct"
//! (Krizhevsky): two convolutions with pooling and normalisation, three dense layers.

use crate::nn::{Filters, Init, Value};
use crate::ops::lrn::Lrn;
use crate::ops::window::Padding::Same;

/// The logits of `images` (batch, height, width, 3), 24 × 24 in the reference. The weights of the
/// local layers decay.
pub fn logits(images: Value, classes: usize) -> Value {
    let init = |stddev, bias| Init::truncated_normal(stddev).bias(bias);
    let norm = Lrn { radius: 4, bias: 1.0, alpha: 0.001 / 9.0, beta: 0.75 };
    let x = images.conv2d("conv1", Filters::new(64, 5), init(0.05, 0.0)).relu();
    let x = x.max_pool(3, 2, Same).lrn(norm);
    let x = x.conv2d("conv2", Filters::new(64, 5), init(0.05, 0.1)).relu();
    let x = x.lrn(norm).max_pool(3, 2, Same);
    let x = x.linear("local3", 384, init(0.04, 0.1).decay_weights()).relu();
    let x = x.linear("local4", 192, init(0.04, 0.1).decay_weights()).relu();
    x.linear("softmax_linear", classes, init(1.0 / 192.0, 0.0))
}
